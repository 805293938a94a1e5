"""Teig's agent: what runs in a host's Dom0. Standard library only, Python 3.9 and later, imports nothing else of Teig.

    __main__     the command: serve, keeper, boot, version
    protocol     JSON lines on standard input and output; one process serves one SSH channel
    verbs        the fixed list of what can be asked, with the types of every argument
    arguments    checks of single values      spec        checks of a guest's description and an image's manifest
    guests       define, start, stop          volumes     logical volumes
    images       kernels and root files       facts       what the host is and has
    streams      a guest's port and console   hypervisor  Xen, read through its own Python bindings
    xlcfg        xl.cfg from a description    seed        first-boot data for cloud-init
    pools        volume groups, their health  pool_bench  what a volume group's disks can do
    keeper       teig-keeper, the service     boot        teig-guests: starting guests after a boot
    limits       disk rates, held and read    backends    xenstore's devices and their kernel threads
    shaping      what guests may receive      control_groups  the kernel's groups and io.max
    credit2      that scheduler's figures
    processor    weights and caps             services    the two systemd units
    audit_facts  how the host is set up       audit_words, audit_devices  what that is read from
    state        files, locks and fences      process     starting programs

`teig.fleet.agent_bundle` packs this directory into one file and `teig.fleet.install` puts it onto a host.
"""
