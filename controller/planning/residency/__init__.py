"""The residency proof: no failure and no drain leads bound users out of their lawful regions."""
