"""Where the outside is touched: one file per outside thing, each fulfilling one port.

Vendors' errors are translated here; nothing above meets an SDK's or a driver's exception.
"""
