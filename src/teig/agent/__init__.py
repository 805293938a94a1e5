"""Teig's agent: what runs in a host's Dom0. Standard library only, Python 3.9 and later, imports nothing else of Teig.

    __main__    the command: serve, keeper, boot, shutdown, version
    verbs       the fixed list of what can be asked
    contract/   protocol   JSON lines on standard input and output; one process serves one SSH channel
                arguments  checks of single values     spec         a guest's description, an image's manifest
                failure    the one error that is told
    guests/     guests     define, start, stop, show   streams      a guest's port and console
                record     what is told of a guest     asked        who is being asked to shut down
                wanted     who is to run after a boot
    disks/      volumes    logical volumes             images       kernels and root file systems
                pools      volume groups, their health pool_bench   what their disks can do
                seed       first-boot data for cloud-init
                ownership  which volume is a guest's own, among copies
    network/    cards      what each may do, and how it is held to that
                filtering  the frames that guests may send (nftables)
                shaping    what guests may receive     neighbours   Domain-0's table of them
                transfer   what they have sent and received
    xen/        hypervisor Xen, read through its own Python bindings
                credit2    that scheduler's figures    processor    weights and caps
                own_cores  cpupools                    backends     xenstore's devices and their kernel threads
                xlcfg      xl.cfg from a description   daemons      xl, which makes guests anew that reboot
                hotplug    scripts that xl connects disks and cards with
    keeper/     keeper     teig-keeper, the service    limits       disk rates, held and read
                control_groups  the kernel's groups
                dom0_time  Domain-0's work for guests, counted and shared
                filter_guard  makes the filter anew when others have flushed it
    host/       facts      what the host is and has    boot         starting guests after a boot
                services   the two systemd units       setup        installing and removing the agent
                state      files, locks and fences     process      starting programs
                audit_facts, audit_words, audit_devices  how the host is set up       version  which agent this is

`teig.fleet.agent_bundle` packs this directory into one file and `teig.fleet.install` puts it onto a host.
"""
