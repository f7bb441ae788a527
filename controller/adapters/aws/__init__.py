"""The only package that uses the AWS SDK.

`session` makes clients; `calls` guards every call with a budget (`token_bucket`) and a deadline;
`error_mapping` translates errors. `route53`, `global_accelerator` and `health_checks` implement
ports; `assembly` puts all together.
"""
