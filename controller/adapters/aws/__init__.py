"""The only home of the AWS SDK.

`session` makes clients, `calls` guards every call with a deadline and a budget, `errors` says in
our words what became of one; `route53` and `global_accelerator` fulfil the ports.
"""
