"""Teig's agent: what runs in a host's Dom0. Standard library only, Python 3.9 and later, imports nothing else of Teig.

    __main__     the command: serve, version
    protocol     JSON lines on standard input and output; one process serves one SSH channel
    verbs        the fixed list of what can be asked, with the types of every argument
    arguments    checks of single values      spec        checks of a guest's description and an image's manifest
    guests       define, start, stop          volumes     logical volumes
    images       kernels and root files       facts       what the host is and has
    streams      a guest's port and console   hypervisor  Xen, read through its own Python bindings
    xlcfg        xl.cfg from a description    seed        first-boot data for cloud-init
    state        files, locks and fences      process     starting programs

`teig.fleet.agent_bundle` packs this directory into one file and `teig.fleet.install` puts it onto a host.
"""
