BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0004');
CREATE TABLE "guests" (
	id VARCHAR(36) NOT NULL, 
	attention TEXT, 
	project VARCHAR(63), 
	name VARCHAR(63) NOT NULL, 
	host VARCHAR(36) NOT NULL, 
	spec JSON NOT NULL, 
	phase VARCHAR(16) NOT NULL, 
	fence BIGINT NOT NULL, 
	created FLOAT NOT NULL, 
	CONSTRAINT pk_guests PRIMARY KEY (id), 
	CONSTRAINT uq_guests_name UNIQUE (name), 
	CONSTRAINT fk_guests_host FOREIGN KEY(host) REFERENCES hosts (id)
);
INSERT INTO "guests" VALUES('ce37e315-a3a8-4375-a5bc-37355041d290',NULL,NULL,'web','d2b7b977-54f1-4656-a4d6-5cb61e492307','{"id": "ce37e315-a3a8-4375-a5bc-37355041d290", "name": "web", "type": "pv", "plan": "tiny", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:62:9b:1f", "bridge": "xenbr0", "address": "10.77.16.0/16", "gateway": "10.77.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}','running',3,1.79580456068250346188e+09);
INSERT INTO "guests" VALUES('05185e57-e1b1-4329-8d07-abd4ed1e62ff',NULL,NULL,'db','e91233ec-de59-4bd0-be42-0995fa9de206','{"id": "05185e57-e1b1-4329-8d07-abd4ed1e62ff", "name": "db", "type": "pv", "plan": "tiny", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}, {"index": 1, "size_bytes": 8388608}, {"index": 2, "size_bytes": 16777216}], "nics": [{"mac": "00:16:3e:73:1a:fb", "bridge": "xenbr0", "address": "10.77.16.1/16", "gateway": "10.77.0.1"}, {"mac": "00:16:3e:62:fc:e6", "bridge": "xenbr0", "address": "10.77.16.2/16", "gateway": "10.77.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}','running',2,1.79580456125758123392e+09);
INSERT INTO "guests" VALUES('05f9a106-10f2-40eb-8774-de89e82a1364',NULL,NULL,'off','2913d4cb-6416-494c-8948-2e117639d459','{"id": "05f9a106-10f2-40eb-8774-de89e82a1364", "name": "off", "type": "pv", "plan": "tiny", "site": "bergen", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:4f:9f:8a", "bridge": "xenbr0", "address": "10.78.16.0/16", "gateway": "10.78.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}','stopped',3,1.79580456144336414337e+09);
INSERT INTO "guests" VALUES('ea9884c8-b5e6-40af-84b5-a3f6b2638b47',NULL,NULL,'grown','e91233ec-de59-4bd0-be42-0995fa9de206','{"id": "ea9884c8-b5e6-40af-84b5-a3f6b2638b47", "name": "grown", "type": "pv", "plan": "gold", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 256, "vcpus": 2, "share_cores": 0.5, "ceiling_cores": 2.0, "weight": 256, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:08:fb:0d", "bridge": "xenbr0", "address": "10.77.16.3/16", "gateway": "10.77.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}','running',3,1.7958045619684839248e+09);
INSERT INTO "guests" VALUES('d9a92265-9961-4fdc-81d9-69cda29f5dbc','The host has lost its power. Not all could be undone: start: Host sim3 does not answer. define: Host sim3 does not answer. volume: Host sim3 does not answer.',NULL,'half','2913d4cb-6416-494c-8948-2e117639d459','{"id": "d9a92265-9961-4fdc-81d9-69cda29f5dbc", "name": "half", "type": "pv", "plan": "tiny", "site": "bergen", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:62:77:e0", "bridge": "xenbr0", "address": "10.78.16.1/16", "gateway": "10.78.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}','deleting',2,1.79580456248350954053e+09);
INSERT INTO "guests" VALUES('8d7e9a24-2318-421b-b4f8-a0bd9d3d2ba3',NULL,NULL,'busy','d2b7b977-54f1-4656-a4d6-5cb61e492307','{"id": "8d7e9a24-2318-421b-b4f8-a0bd9d3d2ba3", "name": "busy", "type": "pv", "plan": "tiny", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:32:ff:0b", "bridge": "xenbr0", "address": "10.77.16.4/16", "gateway": "10.77.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}','creating',2,1.79580456289878034586e+09);
INSERT INTO "guests" VALUES('c6ebc3f5-d7e4-4537-b8b6-449a8c7b4c80',NULL,NULL,'taken-back','d2b7b977-54f1-4656-a4d6-5cb61e492307','{"id": "c6ebc3f5-d7e4-4537-b8b6-449a8c7b4c80", "name": "taken-back", "type": "pv", "plan": "tiny", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:40:9a:1b", "bridge": "xenbr0", "address": "10.77.16.5/16", "gateway": "10.77.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}','creating',2,1.79580456309413504598e+09);
CREATE TABLE "hosts" (
	id VARCHAR(36) NOT NULL, 
	name VARCHAR(63) NOT NULL, 
	machine_id VARCHAR(64) NOT NULL, 
	address VARCHAR(255) NOT NULL, 
	port INTEGER NOT NULL, 
	host_key TEXT NOT NULL, 
	site VARCHAR(63) NOT NULL, 
	CONSTRAINT pk_hosts PRIMARY KEY (id), 
	CONSTRAINT uq_hosts_machine_id UNIQUE (machine_id), 
	CONSTRAINT fk_hosts_site FOREIGN KEY(site) REFERENCES sites (name), 
	CONSTRAINT uq_hosts_name UNIQUE (name)
);
INSERT INTO "hosts" VALUES('d2b7b977-54f1-4656-a4d6-5cb61e492307','sim1','machine-of-sim1','sim1',22,'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBanSmUnbIRBuL8tCXTIuTTqB5Rzwxc3hu3mSYvqNMHX','lab');
INSERT INTO "hosts" VALUES('e91233ec-de59-4bd0-be42-0995fa9de206','sim2','machine-of-sim2','sim2',22,'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBanSmUnbIRBuL8tCXTIuTTqB5Rzwxc3hu3mSYvqNMHX','lab');
INSERT INTO "hosts" VALUES('2913d4cb-6416-494c-8948-2e117639d459','sim3','machine-of-sim3','sim3',22,'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBanSmUnbIRBuL8tCXTIuTTqB5Rzwxc3hu3mSYvqNMHX','bergen');
CREATE TABLE images (
	id VARCHAR(64) NOT NULL, 
	name VARCHAR(63) NOT NULL, 
	manifest JSON NOT NULL, 
	created FLOAT NOT NULL, project VARCHAR(63), 
	CONSTRAINT pk_images PRIMARY KEY (id)
);
INSERT INTO "images" VALUES('2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2','micro','{"name": "micro", "version": "1", "recipe": "0000000000000000000000000000000000000000000000000000000000000000", "arch": "amd64", "files": {"kernel": {"file": "vmlinuz", "sha256": "4fff0d3e643b3894c17a0738fbdc591953aa722c9d42774425090accc4377126", "size": 8, "raw_size": null}, "initrd": {"file": "initrd.img", "sha256": "d52742203e8e42f16f5bbe48a6e8aa94d9876c5abc0185f12c7f7b9ff94c814d", "size": 9, "raw_size": null}, "root": {"file": "root.img.gz", "sha256": "807a9a85a5685ea3de5c055de8a02a861655cef6db807ce4d73eb724dc87f108", "size": 38, "raw_size": null}}, "cmdline": "root=/dev/xvda", "network": "kernel-ip", "ssh": false, "default_user": null, "min_memory_mib": 64, "min_disk_mib": 16, "ready_port": 80}',1.795804560638406992e+09,NULL);
CREATE TABLE "nics" (
	mac VARCHAR(17) NOT NULL, 
	guest VARCHAR(36) NOT NULL, 
	site VARCHAR(63) NOT NULL, 
	address VARCHAR(15) NOT NULL, 
	number BIGINT NOT NULL, 
	CONSTRAINT pk_nics PRIMARY KEY (mac), 
	CONSTRAINT fk_nics_guest FOREIGN KEY(guest) REFERENCES guests (id), 
	CONSTRAINT fk_nics_site FOREIGN KEY(site) REFERENCES sites (name), 
	CONSTRAINT uq_nics_site_address UNIQUE (site, address)
);
INSERT INTO "nics" VALUES('00:16:3e:62:9b:1f','ce37e315-a3a8-4375-a5bc-37355041d290','lab','10.77.16.0',172822528);
INSERT INTO "nics" VALUES('00:16:3e:73:1a:fb','05185e57-e1b1-4329-8d07-abd4ed1e62ff','lab','10.77.16.1',172822529);
INSERT INTO "nics" VALUES('00:16:3e:62:fc:e6','05185e57-e1b1-4329-8d07-abd4ed1e62ff','lab','10.77.16.2',172822530);
INSERT INTO "nics" VALUES('00:16:3e:4f:9f:8a','05f9a106-10f2-40eb-8774-de89e82a1364','bergen','10.78.16.0',172888064);
INSERT INTO "nics" VALUES('00:16:3e:08:fb:0d','ea9884c8-b5e6-40af-84b5-a3f6b2638b47','lab','10.77.16.3',172822531);
INSERT INTO "nics" VALUES('00:16:3e:62:77:e0','d9a92265-9961-4fdc-81d9-69cda29f5dbc','bergen','10.78.16.1',172888065);
INSERT INTO "nics" VALUES('00:16:3e:32:ff:0b','8d7e9a24-2318-421b-b4f8-a0bd9d3d2ba3','lab','10.77.16.4',172822532);
INSERT INTO "nics" VALUES('00:16:3e:40:9a:1b','c6ebc3f5-d7e4-4537-b8b6-449a8c7b4c80','lab','10.77.16.5',172822533);
CREATE TABLE observations (
	host VARCHAR(36) NOT NULL, 
	seen_at FLOAT NOT NULL, 
	boot VARCHAR(64) NOT NULL, 
	uptime_ns BIGINT NOT NULL, 
	facts JSON NOT NULL, 
	capacity JSON NOT NULL, 
	memory_mib BIGINT NOT NULL, 
	drift JSON NOT NULL, 
	differs BOOLEAN NOT NULL, 
	error JSON, 
	silent_since FLOAT, 
	CONSTRAINT pk_observations PRIMARY KEY (host), 
	CONSTRAINT fk_observations_host FOREIGN KEY(host) REFERENCES hosts (id)
);
INSERT INTO "observations" VALUES('d2b7b977-54f1-4656-a4d6-5cb61e492307',1.79580456034117627141e+09,'7e25209f-90e5-454d-8d06-c90fc36b453c',836854903,'{"hostname": "sim1", "machine_id": "machine-of-sim1", "xen_version": "4.17.0-simulated", "kernel": "simulated", "cores": 8, "xen_memory_mib": 8192, "free_memory_mib": 7168, "scheduler": "credit2", "guest_types": ["pv", "pvh"], "dom0_memory_mib": 1024, "dom0_maxmem_mib": 1024, "dom0_vcpus": 2, "dom0_weight": 2048, "autoballoon": false, "cgroup2": true, "bridges": ["xenbr0"], "volume_groups": [{"name": "vg0", "size_bytes": 1099511627776, "free_bytes": 1099511627776, "medium": "ssd", "redundancy": "raid10", "problem": "", "extent_bytes": 4194304, "guests_bytes": 0}], "missing_programs": [], "foreign": [], "keeper_beat": 1.0, "dom0_cores": 1, "guest_cores": 7, "agent_version": "7465b3dbfe0b008f", "keeper_version": "7465b3dbfe0b008f", "capabilities": ["jobs", "started", "answers"]}','{"memory_mib": 7136, "millicores": 7000, "guest_types": ["pv", "pvh"], "pool": "vg0", "medium": "ssd", "redundancy": "raid10", "problem": "", "extent_bytes": 4194304, "disk_bytes": 1099511627776, "unclaimed": {"memory_mib": 0, "millicores": 0, "disk_bytes": 0, "rates": [0, 0, 0, 0]}}',7136,'[]',0,'null',NULL);
INSERT INTO "observations" VALUES('e91233ec-de59-4bd0-be42-0995fa9de206',1.79580456047398114198e+09,'a8a62eed-9f49-4fce-82da-9ffcf58745ae',958416838,'{"hostname": "sim2", "machine_id": "machine-of-sim2", "xen_version": "4.17.0-simulated", "kernel": "simulated", "cores": 8, "xen_memory_mib": 8192, "free_memory_mib": 7168, "scheduler": "credit2", "guest_types": ["pv", "pvh"], "dom0_memory_mib": 1024, "dom0_maxmem_mib": 1024, "dom0_vcpus": 2, "dom0_weight": 2048, "autoballoon": false, "cgroup2": true, "bridges": ["xenbr0"], "volume_groups": [{"name": "vg0", "size_bytes": 1099511627776, "free_bytes": 1099511627776, "medium": "ssd", "redundancy": "raid10", "problem": "", "extent_bytes": 4194304, "guests_bytes": 0}], "missing_programs": [], "foreign": [], "keeper_beat": 1.0, "dom0_cores": 1, "guest_cores": 7, "agent_version": "7465b3dbfe0b008f", "keeper_version": "7465b3dbfe0b008f", "capabilities": ["jobs", "started", "answers"]}','{"memory_mib": 7136, "millicores": 7000, "guest_types": ["pv", "pvh"], "pool": "vg0", "medium": "ssd", "redundancy": "raid10", "problem": "", "extent_bytes": 4194304, "disk_bytes": 1099511627776, "unclaimed": {"memory_mib": 0, "millicores": 0, "disk_bytes": 0, "rates": [0, 0, 0, 0]}}',7136,'[]',0,'null',NULL);
INSERT INTO "observations" VALUES('2913d4cb-6416-494c-8948-2e117639d459',1795804560.51201,'783a1f2a-d5db-4c79-89ab-7e0b47dcec26',996413517,'{"hostname": "sim3", "machine_id": "machine-of-sim3", "xen_version": "4.17.0-simulated", "kernel": "simulated", "cores": 8, "xen_memory_mib": 8192, "free_memory_mib": 7168, "scheduler": "credit2", "guest_types": ["pv", "pvh"], "dom0_memory_mib": 1024, "dom0_maxmem_mib": 1024, "dom0_vcpus": 2, "dom0_weight": 2048, "autoballoon": false, "cgroup2": true, "bridges": ["xenbr0"], "volume_groups": [{"name": "vg0", "size_bytes": 1099511627776, "free_bytes": 1099511627776, "medium": "ssd", "redundancy": "raid10", "problem": "", "extent_bytes": 4194304, "guests_bytes": 0}], "missing_programs": [], "foreign": [], "keeper_beat": 1.0, "dom0_cores": 1, "guest_cores": 7, "agent_version": "7465b3dbfe0b008f", "keeper_version": "7465b3dbfe0b008f", "capabilities": ["jobs", "started", "answers"]}','{"memory_mib": 7136, "millicores": 7000, "guest_types": ["pv", "pvh"], "pool": "vg0", "medium": "ssd", "redundancy": "raid10", "problem": "", "extent_bytes": 4194304, "disk_bytes": 1099511627776, "unclaimed": {"memory_mib": 0, "millicores": 0, "disk_bytes": 0, "rates": [0, 0, 0, 0]}}',7136,'[]',0,'null',NULL);
CREATE TABLE observed_addresses (
	host VARCHAR(36) NOT NULL, 
	address VARCHAR(15) NOT NULL, 
	CONSTRAINT pk_observed_addresses PRIMARY KEY (host, address), 
	CONSTRAINT fk_observed_addresses_host FOREIGN KEY(host) REFERENCES hosts (id)
);
CREATE TABLE observed_guests (
	guest VARCHAR(36) NOT NULL, 
	host VARCHAR(36) NOT NULL, 
	boot VARCHAR(64) NOT NULL, 
	uptime_ns BIGINT NOT NULL, 
	fence BIGINT NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	domid INTEGER, 
	answers BOOLEAN, 
	started_s FLOAT, 
	record JSON NOT NULL, 
	CONSTRAINT pk_observed_guests PRIMARY KEY (guest, host), 
	CONSTRAINT fk_observed_guests_host FOREIGN KEY(host) REFERENCES hosts (id)
);
INSERT INTO "observed_guests" VALUES('ce37e315-a3a8-4375-a5bc-37355041d290','d2b7b977-54f1-4656-a4d6-5cb61e492307','7e25209f-90e5-454d-8d06-c90fc36b453c',3577894585,3,'running',2,1,3.56966734799997187366e+00,'{"id": "ce37e315-a3a8-4375-a5bc-37355041d290", "fence": 3, "spec": {"id": "ce37e315-a3a8-4375-a5bc-37355041d290", "name": "web", "type": "pv", "plan": "tiny", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:62:9b:1f", "bridge": "xenbr0", "address": "10.77.16.0/16", "gateway": "10.77.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}, "domid": 2, "state": "running", "live": {"memory_mib": 96, "maxmem_mib": 96, "vcpus": 1, "weight": 102, "cap": 0, "read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608, "own_cores": 0}, "volumes": [0], "cpu_time_ns": 0, "disks": [{"index": 0, "pool": "vg0", "size_bytes": 268435456}], "started": {"id": "ce37e315-a3a8-4375-a5bc-37355041d290", "name": "web", "type": "pv", "plan": "tiny", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:62:9b:1f", "bridge": "xenbr0", "address": "10.77.16.0/16", "gateway": "10.77.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}, "answers": true, "ran_s": 0.008227237000028254, "held": "", "boot": "7e25209f-90e5-454d-8d06-c90fc36b453c", "uptime_ns": 3577894585}');
INSERT INTO "observed_guests" VALUES('05185e57-e1b1-4329-8d07-abd4ed1e62ff','e91233ec-de59-4bd0-be42-0995fa9de206','a8a62eed-9f49-4fce-82da-9ffcf58745ae',1852360681,2,'running',1,1,1.83594453900020182501e+00,'{"id": "05185e57-e1b1-4329-8d07-abd4ed1e62ff", "fence": 2, "spec": {"id": "05185e57-e1b1-4329-8d07-abd4ed1e62ff", "name": "db", "type": "pv", "plan": "tiny", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}, {"index": 1, "size_bytes": 8388608}, {"index": 2, "size_bytes": 16777216}], "nics": [{"mac": "00:16:3e:73:1a:fb", "bridge": "xenbr0", "address": "10.77.16.1/16", "gateway": "10.77.0.1"}, {"mac": "00:16:3e:62:fc:e6", "bridge": "xenbr0", "address": "10.77.16.2/16", "gateway": "10.77.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}, "domid": 1, "state": "running", "live": {"memory_mib": 96, "maxmem_mib": 96, "vcpus": 1, "weight": 102, "cap": 0, "read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608, "own_cores": 0}, "volumes": [0, 1, 2], "cpu_time_ns": 0, "disks": [{"index": 0, "pool": "vg0", "size_bytes": 268435456}, {"index": 1, "pool": "vg0", "size_bytes": 8388608}, {"index": 2, "pool": "vg0", "size_bytes": 16777216}], "started": {"id": "05185e57-e1b1-4329-8d07-abd4ed1e62ff", "name": "db", "type": "pv", "plan": "tiny", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}, {"index": 1, "size_bytes": 8388608}, {"index": 2, "size_bytes": 16777216}], "nics": [{"mac": "00:16:3e:73:1a:fb", "bridge": "xenbr0", "address": "10.77.16.1/16", "gateway": "10.77.0.1"}, {"mac": "00:16:3e:62:fc:e6", "bridge": "xenbr0", "address": "10.77.16.2/16", "gateway": "10.77.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}, "answers": true, "ran_s": 0.01641614199979813, "held": "", "boot": "a8a62eed-9f49-4fce-82da-9ffcf58745ae", "uptime_ns": 1852360681}');
INSERT INTO "observed_guests" VALUES('05f9a106-10f2-40eb-8774-de89e82a1364','2913d4cb-6416-494c-8948-2e117639d459','783a1f2a-d5db-4c79-89ab-7e0b47dcec26',2037892598,3,'stopped',NULL,NULL,NULL,'{"id": "05f9a106-10f2-40eb-8774-de89e82a1364", "fence": 3, "spec": {"id": "05f9a106-10f2-40eb-8774-de89e82a1364", "name": "off", "type": "pv", "plan": "tiny", "site": "bergen", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:4f:9f:8a", "bridge": "xenbr0", "address": "10.78.16.0/16", "gateway": "10.78.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}, "domid": null, "state": "stopped", "live": null, "volumes": [0], "cpu_time_ns": 0, "disks": [{"index": 0, "pool": "vg0", "size_bytes": 268435456}], "started": null, "answers": null, "ran_s": null, "held": "", "boot": "783a1f2a-d5db-4c79-89ab-7e0b47dcec26", "uptime_ns": 2037892598}');
INSERT INTO "observed_guests" VALUES('ea9884c8-b5e6-40af-84b5-a3f6b2638b47','e91233ec-de59-4bd0-be42-0995fa9de206','a8a62eed-9f49-4fce-82da-9ffcf58745ae',2735915493,3,'running',3,1,2.59411221400024,'{"id": "ea9884c8-b5e6-40af-84b5-a3f6b2638b47", "fence": 3, "spec": {"id": "ea9884c8-b5e6-40af-84b5-a3f6b2638b47", "name": "grown", "type": "pv", "plan": "gold", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 256, "vcpus": 2, "share_cores": 0.5, "ceiling_cores": 2.0, "weight": 256, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:08:fb:0d", "bridge": "xenbr0", "address": "10.77.16.3/16", "gateway": "10.77.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}, "domid": 3, "state": "running", "live": {"memory_mib": 96, "maxmem_mib": 96, "vcpus": 1, "weight": 256, "cap": 0, "read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608, "own_cores": 0}, "volumes": [0], "cpu_time_ns": 0, "disks": [{"index": 0, "pool": "vg0", "size_bytes": 268435456}], "started": {"id": "ea9884c8-b5e6-40af-84b5-a3f6b2638b47", "name": "grown", "type": "pv", "plan": "tiny", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:08:fb:0d", "bridge": "xenbr0", "address": "10.77.16.3/16", "gateway": "10.77.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}, "answers": true, "ran_s": 0.14180327899975964, "held": "", "boot": "a8a62eed-9f49-4fce-82da-9ffcf58745ae", "uptime_ns": 2735915493}');
CREATE TABLE "operations" (
	id VARCHAR(36) NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	subject VARCHAR(63) NOT NULL, 
	guest VARCHAR(36) NOT NULL, 
	host VARCHAR(36) NOT NULL, 
	params JSON NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	steps JSON NOT NULL, 
	error JSON, 
	created FLOAT NOT NULL, 
	ended FLOAT, 
	server VARCHAR(36), 
	fence BIGINT NOT NULL, 
	cancelled BOOLEAN NOT NULL, 
	CONSTRAINT pk_operations PRIMARY KEY (id)
);
INSERT INTO "operations" VALUES('1c7a81a0-13a0-4ab1-9a45-a14f6b719246','guest_create','web','ce37e315-a3a8-4375-a5bc-37355041d290','d2b7b977-54f1-4656-a4d6-5cb61e492307','{}','done','[{"name": "reserve", "state": "done", "started": 1795804560.9689157, "ended": 1795804561.0153978}, {"name": "image", "state": "done", "started": 1795804561.0153978, "ended": 1795804561.0350113}, {"name": "volume", "state": "done", "started": 1795804561.0350113, "ended": 1795804561.0533767}, {"name": "write", "state": "done", "started": 1795804561.0533767, "ended": 1795804561.0652297}, {"name": "define", "state": "done", "started": 1795804561.0652297, "ended": 1795804561.078922}, {"name": "start", "state": "done", "started": 1795804561.078922, "ended": 1795804561.0979931}, {"name": "observe", "state": "done", "started": 1795804561.0979931, "ended": 1795804561.163106}]','null',1.79580456070241260531e+09,1.79580456116310596464e+09,'759efadf-aab8-4739-9f3e-50e38624e52e',2,0);
INSERT INTO "operations" VALUES('723dfed9-c0f9-4d62-82e0-20492e27623d','guest_create','db','05185e57-e1b1-4329-8d07-abd4ed1e62ff','e91233ec-de59-4bd0-be42-0995fa9de206','{}','done','[{"name": "reserve", "state": "done", "started": 1795804561.285328, "ended": 1795804561.299664}, {"name": "image", "state": "done", "started": 1795804561.299664, "ended": 1795804561.3102832}, {"name": "volume", "state": "done", "started": 1795804561.3102832, "ended": 1795804561.323077}, {"name": "write", "state": "done", "started": 1795804561.323077, "ended": 1795804561.331682}, {"name": "define", "state": "done", "started": 1795804561.331682, "ended": 1795804561.3496437}, {"name": "start", "state": "done", "started": 1795804561.3496437, "ended": 1795804561.358958}, {"name": "observe", "state": "done", "started": 1795804561.358958, "ended": 1795804561.3878345}]','null',1.79580456126613974571e+09,1.79580456138783454891e+09,'759efadf-aab8-4739-9f3e-50e38624e52e',2,0);
INSERT INTO "operations" VALUES('4c237d11-70ed-490d-b558-469d289b0373','guest_create','off','05f9a106-10f2-40eb-8774-de89e82a1364','2913d4cb-6416-494c-8948-2e117639d459','{}','done','[{"name": "reserve", "state": "done", "started": 1795804561.4718773, "ended": 1795804561.4801931}, {"name": "image", "state": "done", "started": 1795804561.4801931, "ended": 1795804561.486113}, {"name": "volume", "state": "done", "started": 1795804561.486113, "ended": 1795804561.4905427}, {"name": "write", "state": "done", "started": 1795804561.4905427, "ended": 1795804561.4955041}, {"name": "define", "state": "done", "started": 1795804561.4955041, "ended": 1795804561.499055}, {"name": "start", "state": "done", "started": 1795804561.499055, "ended": 1795804561.5029738}, {"name": "observe", "state": "done", "started": 1795804561.5029738, "ended": 1795804561.5125725}]','null',1.79580456145404124259e+09,1.79580456151257252688e+09,'759efadf-aab8-4739-9f3e-50e38624e52e',2,0);
INSERT INTO "operations" VALUES('4451c2e3-8bdd-4353-90c2-4d7e1e1b63c7','guest_stop','off','05f9a106-10f2-40eb-8774-de89e82a1364','2913d4cb-6416-494c-8948-2e117639d459','{"grace_s": 0}','done','[{"name": "stop", "state": "done", "started": 1795804561.54832, "ended": 1795804561.552273}, {"name": "observe", "state": "done", "started": 1795804561.552273, "ended": 1795804561.5617902}]','null',1.79580456153905439371e+09,1.79580456156179022785e+09,'759efadf-aab8-4739-9f3e-50e38624e52e',3,0);
INSERT INTO "operations" VALUES('d954704b-f199-4beb-a099-b8b1492d04bd','guest_create','gone','69267f1b-e17a-4c24-b80d-c4701a22ed92','e91233ec-de59-4bd0-be42-0995fa9de206','{}','done','[{"name": "reserve", "state": "done", "started": 1795804561.7019901, "ended": 1795804561.7203274}, {"name": "image", "state": "done", "started": 1795804561.7203274, "ended": 1795804561.7283401}, {"name": "volume", "state": "done", "started": 1795804561.7283401, "ended": 1795804561.7450607}, {"name": "write", "state": "done", "started": 1795804561.7450607, "ended": 1795804561.7492027}, {"name": "define", "state": "done", "started": 1795804561.7492027, "ended": 1795804561.7531564}, {"name": "start", "state": "done", "started": 1795804561.7531564, "ended": 1795804561.7572212}, {"name": "observe", "state": "done", "started": 1795804561.7572212, "ended": 1795804561.7675345}]','null',1.79580456161416864395e+09,1.79580456176753449444e+09,'759efadf-aab8-4739-9f3e-50e38624e52e',2,0);
INSERT INTO "operations" VALUES('43b26c6a-ab2d-4b25-aea7-2c416988b286','guest_delete','gone','69267f1b-e17a-4c24-b80d-c4701a22ed92','e91233ec-de59-4bd0-be42-0995fa9de206','{}','done','[{"name": "stop", "state": "done", "started": 1795804561.8534358, "ended": 1795804561.8732798}, {"name": "volumes", "state": "done", "started": 1795804561.8732798, "ended": 1795804561.8873858}, {"name": "undefine", "state": "done", "started": 1795804561.8873858, "ended": 1795804561.898939}]','null',1.7958045617911887169e+09,1.7958045618989388943e+09,'759efadf-aab8-4739-9f3e-50e38624e52e',3,0);
INSERT INTO "operations" VALUES('437d1c2b-2d52-4cb8-96f7-7f9a148713f6','guest_create','grown','ea9884c8-b5e6-40af-84b5-a3f6b2638b47','e91233ec-de59-4bd0-be42-0995fa9de206','{}','done','[{"name": "reserve", "state": "done", "started": 1795804561.993816, "ended": 1795804562.013703}, {"name": "image", "state": "done", "started": 1795804562.013703, "ended": 1795804562.0405235}, {"name": "volume", "state": "done", "started": 1795804562.0405235, "ended": 1795804562.0501776}, {"name": "write", "state": "done", "started": 1795804562.0501776, "ended": 1795804562.0778441}, {"name": "define", "state": "done", "started": 1795804562.0778441, "ended": 1795804562.0882814}, {"name": "start", "state": "done", "started": 1795804562.0882814, "ended": 1795804562.1231306}, {"name": "observe", "state": "done", "started": 1795804562.1231306, "ended": 1795804562.1819592}]','null',1.79580456197133636478e+09,1.79580456218195915222e+09,'759efadf-aab8-4739-9f3e-50e38624e52e',2,0);
INSERT INTO "operations" VALUES('31282b1c-48f9-46b4-93ed-f8f05f6444fe','guest_resize','grown','ea9884c8-b5e6-40af-84b5-a3f6b2638b47','e91233ec-de59-4bd0-be42-0995fa9de206','{"before": {"id": "ea9884c8-b5e6-40af-84b5-a3f6b2638b47", "name": "grown", "type": "pv", "plan": "tiny", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:08:fb:0d", "bridge": "xenbr0", "address": "10.77.16.3/16", "gateway": "10.77.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}}','done','[{"name": "image", "state": "done", "started": 1795804562.2410345, "ended": 1795804562.2464027}, {"name": "define", "state": "done", "started": 1795804562.2464027, "ended": 1795804562.2502844}, {"name": "observe", "state": "done", "started": 1795804562.2502844, "ended": 1795804562.2595975}]','null',1.79580456222327184681e+09,1.79580456225959753991e+09,'759efadf-aab8-4739-9f3e-50e38624e52e',3,0);
INSERT INTO "operations" VALUES('69dde40e-321f-46d4-8b34-07e50e8b4623','guest_create','never','bea9afcc-6074-428a-aa94-da7652e6f1eb','d2b7b977-54f1-4656-a4d6-5cb61e492307','{}','failed','[{"name": "reserve", "state": "done", "started": 1795804562.3390758, "ended": 1795804562.3448894}, {"name": "image", "state": "done", "started": 1795804562.3448894, "ended": 1795804562.3485107}, {"name": "volume", "state": "done", "started": 1795804562.3485107, "ended": 1795804562.351983}, {"name": "write", "state": "done", "started": 1795804562.351983, "ended": 1795804562.3690886}, {"name": "define", "state": "done", "started": 1795804562.3690886, "ended": 1795804562.3780105}, {"name": "start", "state": "failed", "started": 1795804562.3780105, "ended": 1795804562.3799796}, {"name": "undo start", "state": "done", "started": 1795804562.3891084, "ended": 1795804562.393182}, {"name": "undo define", "state": "done", "started": 1795804562.393182, "ended": 1795804562.3982453}, {"name": "undo volume", "state": "done", "started": 1795804562.3982453, "ended": 1795804562.4462092}]','{"kind": "host_fault", "code": "host_fault", "message": "The test broke it.", "todo": "Nothing to do."}',1.79580456231938743591e+09,1.79580456244620919226e+09,'759efadf-aab8-4739-9f3e-50e38624e52e',2,0);
INSERT INTO "operations" VALUES('b8b45275-6a5c-4999-892c-a98cd4545f6b','guest_create','half','d9a92265-9961-4fdc-81d9-69cda29f5dbc','2913d4cb-6416-494c-8948-2e117639d459','{}','stuck','[{"name": "reserve", "state": "done", "started": 1795804562.5184028, "ended": 1795804562.5395384}, {"name": "image", "state": "done", "started": 1795804562.5395384, "ended": 1795804562.5729465}, {"name": "volume", "state": "done", "started": 1795804562.5729465, "ended": 1795804562.578387}, {"name": "write", "state": "done", "started": 1795804562.578387, "ended": 1795804562.582718}, {"name": "define", "state": "done", "started": 1795804562.582718, "ended": 1795804562.5870905}, {"name": "start", "state": "failed", "started": 1795804562.5870905, "ended": 1795804562.5888302}, {"name": "undo start", "state": "failed", "started": 1795804562.5912545, "ended": 1795804562.6706803}, {"name": "undo define", "state": "failed", "started": 1795804562.6857727, "ended": 1795804562.7657037}, {"name": "undo volume", "state": "failed", "started": 1795804562.7745655, "ended": 1795804562.8563666}]','{"kind": "host_fault", "code": "host_fault", "message": "The host has lost its power. Not all could be undone: start: Host sim3 does not answer. define: Host sim3 does not answer. volume: Host sim3 does not answer.", "todo": "See what to do then: teig guest show NAME"}',1.79580456248590445518e+09,1.7958045628662333489e+09,'759efadf-aab8-4739-9f3e-50e38624e52e',2,0);
INSERT INTO "operations" VALUES('e6a095b8-972f-40ef-8883-28195719cb43','guest_create','busy','8d7e9a24-2318-421b-b4f8-a0bd9d3d2ba3','d2b7b977-54f1-4656-a4d6-5cb61e492307','{}','running','[{"name": "reserve", "state": "done", "started": 1795804562.9157722, "ended": 1795804562.9195573}, {"name": "image", "state": "done", "started": 1795804562.9195573, "ended": 1795804562.9278476}, {"name": "volume", "state": "done", "started": 1795804562.9278476, "ended": 1795804562.940844}, {"name": "write", "state": "done", "started": 1795804562.940844, "ended": 1795804562.9535081}, {"name": "define", "state": "done", "started": 1795804562.9535081, "ended": 1795804562.9622161}, {"name": "start", "state": "running", "started": 1795804562.9622161, "ended": null}]','null',1.79580456290598893158e+09,NULL,'759efadf-aab8-4739-9f3e-50e38624e52e',2,0);
INSERT INTO "operations" VALUES('0b543991-64bf-4c51-bac9-2751e35aaec8','guest_reboot','web','ce37e315-a3a8-4375-a5bc-37355041d290','d2b7b977-54f1-4656-a4d6-5cb61e492307','{"grace_s": 0}','done','[{"name": "reboot", "state": "done", "started": 1795804563.072168, "ended": 1795804563.0809486}, {"name": "observe", "state": "done", "started": 1795804563.0809486, "ended": 1795804563.1083255}]','null',1.7958045629781732559e+09,1.79580456310832548144e+09,'759efadf-aab8-4739-9f3e-50e38624e52e',3,0);
INSERT INTO "operations" VALUES('b1900a45-8a1d-4aef-a4a0-7c41d680d5da','guest_create','taken-back','c6ebc3f5-d7e4-4537-b8b6-449a8c7b4c80','d2b7b977-54f1-4656-a4d6-5cb61e492307','{}','running','[{"name": "reserve", "state": "running", "started": 1795804563.1129644, "ended": null}]','null',1.795804563096200943e+09,NULL,'759efadf-aab8-4739-9f3e-50e38624e52e',2,1);
CREATE TABLE plans (
	name VARCHAR(63) NOT NULL, 
	record JSON NOT NULL, 
	CONSTRAINT pk_plans PRIMARY KEY (name)
);
INSERT INTO "plans" VALUES('gold','{"name": "gold", "memory_mib": 256, "vcpus": 2, "share_cores": 0.5, "ceiling_cores": 2.0, "disk_bytes": 67108864, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "pool": {"medium": "any", "redundancy": "any"}, "out_kbit": 50000, "in_kbit": 50000, "addresses": 1, "own_cores": false}');
CREATE TABLE "pools" (
	host VARCHAR(36) NOT NULL, 
	name VARCHAR(127) NOT NULL, 
	capacity JSON NOT NULL, 
	how VARCHAR(16) NOT NULL, 
	rated_at FLOAT NOT NULL, 
	together BOOLEAN NOT NULL, 
	CONSTRAINT pk_pools PRIMARY KEY (host, name), 
	CONSTRAINT fk_pools_host FOREIGN KEY(host) REFERENCES hosts (id)
);
INSERT INTO "pools" VALUES('d2b7b977-54f1-4656-a4d6-5cb61e492307','vg0','{"read_iops": 1000000, "write_iops": 1000000, "read_bps": 4096000000, "write_bps": 4096000000}','measured',1.79580456045264887816e+09,1);
INSERT INTO "pools" VALUES('e91233ec-de59-4bd0-be42-0995fa9de206','vg0','{"read_iops": 1000000, "write_iops": 1000000, "read_bps": 4096000000, "write_bps": 4096000000}','measured',1.79580456050024914746e+09,1);
INSERT INTO "pools" VALUES('2913d4cb-6416-494c-8948-2e117639d459','vg0','{"read_iops": 1000000, "write_iops": 1000000, "read_bps": 4096000000, "write_bps": 4096000000}','measured',1.79580456061236500737e+09,1);
CREATE TABLE reservations (
	guest VARCHAR(36) NOT NULL, 
	host VARCHAR(36) NOT NULL, 
	pool VARCHAR(127) NOT NULL, 
	memory_mib BIGINT NOT NULL, 
	millicores BIGINT NOT NULL, 
	disk_bytes BIGINT NOT NULL, 
	read_iops BIGINT NOT NULL, 
	write_iops BIGINT NOT NULL, 
	read_bps BIGINT NOT NULL, 
	write_bps BIGINT NOT NULL, 
	CONSTRAINT pk_reservations PRIMARY KEY (guest, host, pool), 
	CONSTRAINT fk_reservations_guest FOREIGN KEY(guest) REFERENCES guests (id), 
	CONSTRAINT fk_reservations_host FOREIGN KEY(host) REFERENCES hosts (id)
);
INSERT INTO "reservations" VALUES('ce37e315-a3a8-4375-a5bc-37355041d290','d2b7b977-54f1-4656-a4d6-5cb61e492307','vg0',102,100,272629760,500,250,16777216,8388608);
INSERT INTO "reservations" VALUES('05185e57-e1b1-4329-8d07-abd4ed1e62ff','e91233ec-de59-4bd0-be42-0995fa9de206','vg0',102,100,297795584,500,250,16777216,8388608);
INSERT INTO "reservations" VALUES('05f9a106-10f2-40eb-8774-de89e82a1364','2913d4cb-6416-494c-8948-2e117639d459','vg0',102,100,272629760,500,250,16777216,8388608);
INSERT INTO "reservations" VALUES('ea9884c8-b5e6-40af-84b5-a3f6b2638b47','e91233ec-de59-4bd0-be42-0995fa9de206','vg0',264,500,272629760,500,250,16777216,8388608);
INSERT INTO "reservations" VALUES('d9a92265-9961-4fdc-81d9-69cda29f5dbc','2913d4cb-6416-494c-8948-2e117639d459','vg0',102,100,272629760,500,250,16777216,8388608);
INSERT INTO "reservations" VALUES('8d7e9a24-2318-421b-b4f8-a0bd9d3d2ba3','d2b7b977-54f1-4656-a4d6-5cb61e492307','vg0',102,100,272629760,500,250,16777216,8388608);
INSERT INTO "reservations" VALUES('c6ebc3f5-d7e4-4537-b8b6-449a8c7b4c80','d2b7b977-54f1-4656-a4d6-5cb61e492307','vg0',102,100,272629760,500,250,16777216,8388608);
CREATE TABLE servers (
	id VARCHAR(36) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	version VARCHAR(32) NOT NULL, 
	ssh_public_key TEXT NOT NULL, 
	beats BIGINT NOT NULL, 
	lost BOOLEAN NOT NULL, 
	CONSTRAINT pk_servers PRIMARY KEY (id)
);
INSERT INTO "servers" VALUES('759efadf-aab8-4739-9f3e-50e38624e52e','server1:6706','4','ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBanSmUnbIRBuL8tCXTIuTTqB5Rzwxc3hu3mSYvqNMHX',0,0);
CREATE TABLE sites (
	name VARCHAR(63) NOT NULL, 
	record JSON NOT NULL, project VARCHAR(63), 
	CONSTRAINT pk_sites PRIMARY KEY (name)
);
INSERT INTO "sites" VALUES('lab','{"name": "lab", "country": "NO", "operator": "us", "network": "10.77.0.0/16", "gateway": "10.77.0.1", "first_address": "10.77.16.0", "last_address": "10.77.16.9", "bridge": "xenbr0"}',NULL);
INSERT INTO "sites" VALUES('bergen','{"name": "bergen", "country": "NO", "operator": "us", "network": "10.78.0.0/16", "gateway": "10.78.0.1", "first_address": "10.78.16.0", "last_address": "10.78.16.9", "bridge": "xenbr0"}',NULL);
CREATE INDEX ix_images_name ON images (name);
CREATE INDEX ix_operations_created ON operations (created);
CREATE INDEX ix_operations_state ON operations (state);
CREATE INDEX ix_reservations_host ON reservations (host, memory_mib);
CREATE INDEX ix_observations_rank ON observations (host, seen_at, silent_since, memory_mib);
CREATE INDEX ix_observed_guests_host ON observed_guests (host);
CREATE INDEX ix_nics_guest ON nics (guest);
CREATE INDEX ix_nics_site_number ON nics (site, number);
CREATE UNIQUE INDEX uq_operations_guest_open ON operations (guest) WHERE ended IS NULL;
CREATE INDEX ix_operations_host_open ON operations (host) WHERE ended IS NULL;
CREATE INDEX ix_operations_created_open ON operations (created) WHERE ended IS NULL;
CREATE INDEX ix_guests_host ON guests (host);
COMMIT;
