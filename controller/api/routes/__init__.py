"""The routes: one file per path, or per group of paths below one."""
