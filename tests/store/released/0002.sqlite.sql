BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0002');
CREATE TABLE guests (
	id VARCHAR(36) NOT NULL, 
	name VARCHAR(63) NOT NULL, 
	host VARCHAR(36) NOT NULL, 
	spec JSON NOT NULL, 
	phase VARCHAR(16) NOT NULL, 
	fence INTEGER NOT NULL, 
	operation VARCHAR(36), 
	created FLOAT NOT NULL, 
	CONSTRAINT pk_guests PRIMARY KEY (id), 
	CONSTRAINT fk_guests_host FOREIGN KEY(host) REFERENCES hosts (id), 
	CONSTRAINT uq_guests_name UNIQUE (name)
);
INSERT INTO "guests" VALUES('677e50ff-5f3e-4766-a3c6-6d0d67bebd7b','web','b0406836-6ac2-4455-b656-b5e9d777799c','{"id": "677e50ff-5f3e-4766-a3c6-6d0d67bebd7b", "name": "web", "type": "pv", "plan": "tiny", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:4a:6d:e3", "bridge": "xenbr0", "address": "10.77.16.0/16", "gateway": "10.77.0.1"}], "ssh_keys": []}','running',2,'e3996cbf-aa3c-43a9-b3e4-0ced673f4408',1.79560515846675753598e+09);
INSERT INTO "guests" VALUES('76ba9663-fbf1-4277-9157-1e2343cdb9f1','db','739f6831-0a00-4c84-ad88-c23ee871ba2e','{"id": "76ba9663-fbf1-4277-9157-1e2343cdb9f1", "name": "db", "type": "pv", "plan": "tiny", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}, {"index": 1, "size_bytes": 8388608}, {"index": 2, "size_bytes": 16777216}], "nics": [{"mac": "00:16:3e:57:b6:9e", "bridge": "xenbr0", "address": "10.77.16.1/16", "gateway": "10.77.0.1"}, {"mac": "00:16:3e:2e:2c:8d", "bridge": "xenbr0", "address": "10.77.16.2/16", "gateway": "10.77.0.1"}], "ssh_keys": []}','running',1,NULL,1.79560515965026974683e+09);
INSERT INTO "guests" VALUES('cf665df8-b281-4e14-ab55-b14b70d085ba','off','c179df55-377e-49c5-bd19-043ee0ad4b1b','{"id": "cf665df8-b281-4e14-ab55-b14b70d085ba", "name": "off", "type": "pv", "plan": "tiny", "site": "bergen", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:22:fb:f0", "bridge": "xenbr0", "address": "10.78.16.0/16", "gateway": "10.78.0.1"}], "ssh_keys": []}','stopped',2,NULL,1.79560516010624647139e+09);
INSERT INTO "guests" VALUES('8a3fb97b-a1cf-4e0c-9b39-c0197412c870','grown','739f6831-0a00-4c84-ad88-c23ee871ba2e','{"id": "8a3fb97b-a1cf-4e0c-9b39-c0197412c870", "name": "grown", "type": "pv", "plan": "gold", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 256, "vcpus": 2, "share_cores": 0.5, "ceiling_cores": 2.0, "weight": 256, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:0d:0e:ce", "bridge": "xenbr0", "address": "10.77.16.3/16", "gateway": "10.77.0.1"}], "ssh_keys": []}','running',2,NULL,1.79560516164639353752e+09);
INSERT INTO "guests" VALUES('9f103a67-30db-4635-84da-45a674e0dd8e','half','c179df55-377e-49c5-bd19-043ee0ad4b1b','{"id": "9f103a67-30db-4635-84da-45a674e0dd8e", "name": "half", "type": "pv", "plan": "tiny", "site": "bergen", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:33:f9:7c", "bridge": "xenbr0", "address": "10.78.16.1/16", "gateway": "10.78.0.1"}], "ssh_keys": []}','deleting',1,NULL,1.79560516278278255457e+09);
INSERT INTO "guests" VALUES('e982dd15-8240-4915-a25a-4539ef7956ee','busy','b0406836-6ac2-4455-b656-b5e9d777799c','{"id": "e982dd15-8240-4915-a25a-4539ef7956ee", "name": "busy", "type": "pv", "plan": "tiny", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:2d:01:de", "bridge": "xenbr0", "address": "10.77.16.4/16", "gateway": "10.77.0.1"}], "ssh_keys": []}','creating',1,'daca1864-a80e-4c01-9f7e-82e5d99698e4',1.79560516339266300206e+09);
CREATE TABLE hosts (
	id VARCHAR(36) NOT NULL, 
	name VARCHAR(63) NOT NULL, 
	machine_id VARCHAR(64) NOT NULL, 
	address VARCHAR(255) NOT NULL, 
	port INTEGER NOT NULL, 
	host_key TEXT NOT NULL, 
	site VARCHAR(63) NOT NULL, 
	draining BOOLEAN NOT NULL, 
	facts JSON NOT NULL, 
	facts_at FLOAT NOT NULL, 
	CONSTRAINT pk_hosts PRIMARY KEY (id), 
	CONSTRAINT fk_hosts_site FOREIGN KEY(site) REFERENCES sites (name), 
	CONSTRAINT uq_hosts_machine_id UNIQUE (machine_id), 
	CONSTRAINT uq_hosts_name UNIQUE (name)
);
INSERT INTO "hosts" VALUES('b0406836-6ac2-4455-b656-b5e9d777799c','sim1','machine-of-sim1','sim1',22,'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBanSmUnbIRBuL8tCXTIuTTqB5Rzwxc3hu3mSYvqNMHX','lab',0,'{"hostname": "sim1", "machine_id": "machine-of-sim1", "xen_version": "4.17.0-simulated", "kernel": "simulated", "cores": 8, "xen_memory_mib": 8192, "free_memory_mib": 7168, "scheduler": "credit2", "guest_types": ["pv", "pvh"], "dom0_memory_mib": 1024, "dom0_maxmem_mib": 1024, "dom0_vcpus": 2, "dom0_weight": 2048, "autoballoon": false, "cgroup2": true, "bridges": ["xenbr0"], "volume_groups": [{"name": "vg0", "size_bytes": 1099511627776, "free_bytes": 1099511627776, "medium": "ssd", "redundancy": "raid10", "problem": ""}], "missing_programs": [], "foreign": [], "keeper_beat": 1.0}',1.79560515827053260805e+09);
INSERT INTO "hosts" VALUES('739f6831-0a00-4c84-ad88-c23ee871ba2e','sim2','machine-of-sim2','sim2',22,'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBanSmUnbIRBuL8tCXTIuTTqB5Rzwxc3hu3mSYvqNMHX','lab',0,'{"hostname": "sim2", "machine_id": "machine-of-sim2", "xen_version": "4.17.0-simulated", "kernel": "simulated", "cores": 8, "xen_memory_mib": 8192, "free_memory_mib": 7168, "scheduler": "credit2", "guest_types": ["pv", "pvh"], "dom0_memory_mib": 1024, "dom0_maxmem_mib": 1024, "dom0_vcpus": 2, "dom0_weight": 2048, "autoballoon": false, "cgroup2": true, "bridges": ["xenbr0"], "volume_groups": [{"name": "vg0", "size_bytes": 1099511627776, "free_bytes": 1099511627776, "medium": "ssd", "redundancy": "raid10", "problem": ""}], "missing_programs": [], "foreign": [], "keeper_beat": 1.0}',1.7956051583194112777e+09);
INSERT INTO "hosts" VALUES('c179df55-377e-49c5-bd19-043ee0ad4b1b','sim3','machine-of-sim3','sim3',22,'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBanSmUnbIRBuL8tCXTIuTTqB5Rzwxc3hu3mSYvqNMHX','bergen',0,'{"hostname": "sim3", "machine_id": "machine-of-sim3", "xen_version": "4.17.0-simulated", "kernel": "simulated", "cores": 8, "xen_memory_mib": 8192, "free_memory_mib": 7168, "scheduler": "credit2", "guest_types": ["pv", "pvh"], "dom0_memory_mib": 1024, "dom0_maxmem_mib": 1024, "dom0_vcpus": 2, "dom0_weight": 2048, "autoballoon": false, "cgroup2": true, "bridges": ["xenbr0"], "volume_groups": [{"name": "vg0", "size_bytes": 1099511627776, "free_bytes": 1099511627776, "medium": "ssd", "redundancy": "raid10", "problem": ""}], "missing_programs": [], "foreign": [], "keeper_beat": 1.0}',1.7956051584078559875e+09);
CREATE TABLE images (
	id VARCHAR(64) NOT NULL, 
	name VARCHAR(63) NOT NULL, 
	manifest JSON NOT NULL, 
	created FLOAT NOT NULL, 
	CONSTRAINT pk_images PRIMARY KEY (id)
);
INSERT INTO "images" VALUES('2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2','micro','{"name": "micro", "version": "1", "recipe": "0000000000000000000000000000000000000000000000000000000000000000", "arch": "amd64", "files": {"kernel": {"file": "vmlinuz", "sha256": "4fff0d3e643b3894c17a0738fbdc591953aa722c9d42774425090accc4377126", "size": 8, "raw_size": null}, "initrd": {"file": "initrd.img", "sha256": "d52742203e8e42f16f5bbe48a6e8aa94d9876c5abc0185f12c7f7b9ff94c814d", "size": 9, "raw_size": null}, "root": {"file": "root.img.gz", "sha256": "807a9a85a5685ea3de5c055de8a02a861655cef6db807ce4d73eb724dc87f108", "size": 38, "raw_size": null}}, "cmdline": "root=/dev/xvda", "network": "kernel-ip", "ssh": false, "default_user": null, "min_memory_mib": 64, "min_disk_mib": 16, "ready_port": 80}',1.79560515844274640089e+09);
CREATE TABLE nics (
	mac VARCHAR(17) NOT NULL, 
	guest VARCHAR(36) NOT NULL, 
	site VARCHAR(63) NOT NULL, 
	address VARCHAR(15) NOT NULL, 
	CONSTRAINT pk_nics PRIMARY KEY (mac), 
	CONSTRAINT fk_nics_guest FOREIGN KEY(guest) REFERENCES guests (id), 
	CONSTRAINT fk_nics_site FOREIGN KEY(site) REFERENCES sites (name), 
	CONSTRAINT uq_nics_site_address UNIQUE (site, address)
);
INSERT INTO "nics" VALUES('00:16:3e:4a:6d:e3','677e50ff-5f3e-4766-a3c6-6d0d67bebd7b','lab','10.77.16.0');
INSERT INTO "nics" VALUES('00:16:3e:57:b6:9e','76ba9663-fbf1-4277-9157-1e2343cdb9f1','lab','10.77.16.1');
INSERT INTO "nics" VALUES('00:16:3e:2e:2c:8d','76ba9663-fbf1-4277-9157-1e2343cdb9f1','lab','10.77.16.2');
INSERT INTO "nics" VALUES('00:16:3e:22:fb:f0','cf665df8-b281-4e14-ab55-b14b70d085ba','bergen','10.78.16.0');
INSERT INTO "nics" VALUES('00:16:3e:0d:0e:ce','8a3fb97b-a1cf-4e0c-9b39-c0197412c870','lab','10.77.16.3');
INSERT INTO "nics" VALUES('00:16:3e:33:f9:7c','9f103a67-30db-4635-84da-45a674e0dd8e','bergen','10.78.16.1');
INSERT INTO "nics" VALUES('00:16:3e:2d:01:de','e982dd15-8240-4915-a25a-4539ef7956ee','lab','10.77.16.4');
CREATE TABLE operations (
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
	CONSTRAINT pk_operations PRIMARY KEY (id)
);
INSERT INTO "operations" VALUES('783c1b86-1aba-4a6a-bcf7-498262489f0f','guest_create','web','677e50ff-5f3e-4766-a3c6-6d0d67bebd7b','b0406836-6ac2-4455-b656-b5e9d777799c','{}','done','[{"name": "reserve", "state": "done", "started": 1795605159.3471656, "ended": 1795605159.3766074}, {"name": "image", "state": "done", "started": 1795605159.3942356, "ended": 1795605159.4148254}, {"name": "volume", "state": "done", "started": 1795605159.4252372, "ended": 1795605159.440438}, {"name": "write", "state": "done", "started": 1795605159.4535837, "ended": 1795605159.465669}, {"name": "define", "state": "done", "started": 1795605159.4771402, "ended": 1795605159.4832277}, {"name": "start", "state": "done", "started": 1795605159.49983, "ended": 1795605159.5056357}, {"name": "ready", "state": "done", "started": 1795605159.5258932, "ended": 1795605159.5488415}]','null',1.79560515846674489969e+09,1.795605159590878725e+09);
INSERT INTO "operations" VALUES('31f51ffc-e3a0-48cc-8665-042562ac0733','guest_create','db','76ba9663-fbf1-4277-9157-1e2343cdb9f1','739f6831-0a00-4c84-ad88-c23ee871ba2e','{}','done','[{"name": "reserve", "state": "done", "started": 1795605159.8262825, "ended": 1795605159.845701}, {"name": "image", "state": "done", "started": 1795605159.863568, "ended": 1795605159.9002495}, {"name": "volume", "state": "done", "started": 1795605159.9158695, "ended": 1795605159.9514282}, {"name": "write", "state": "done", "started": 1795605159.9697623, "ended": 1795605159.9885216}, {"name": "define", "state": "done", "started": 1795605160.0003674, "ended": 1795605160.0176399}, {"name": "start", "state": "done", "started": 1795605160.0326238, "ended": 1795605160.0385475}, {"name": "ready", "state": "done", "started": 1795605160.0553956, "ended": 1795605160.0667274}]','null',1.79560515965025162699e+09,1.79560516008369064335e+09);
INSERT INTO "operations" VALUES('75154220-04ad-4f9d-a2b7-14d8a8530b10','guest_create','off','cf665df8-b281-4e14-ab55-b14b70d085ba','c179df55-377e-49c5-bd19-043ee0ad4b1b','{}','done','[{"name": "reserve", "state": "done", "started": 1795605160.246542, "ended": 1795605160.2583048}, {"name": "image", "state": "done", "started": 1795605160.2748716, "ended": 1795605160.2914932}, {"name": "volume", "state": "done", "started": 1795605160.3050241, "ended": 1795605160.315488}, {"name": "write", "state": "done", "started": 1795605160.3322654, "ended": 1795605160.3456914}, {"name": "define", "state": "done", "started": 1795605160.3554645, "ended": 1795605160.3661945}, {"name": "start", "state": "done", "started": 1795605160.3752806, "ended": 1795605160.386008}, {"name": "ready", "state": "done", "started": 1795605160.3957996, "ended": 1795605160.4017484}]','null',1.79560516010623693466e+09,1.79560516041910767561e+09);
INSERT INTO "operations" VALUES('eac13e16-36c3-4448-96a3-58beb1c40874','guest_stop','off','cf665df8-b281-4e14-ab55-b14b70d085ba','c179df55-377e-49c5-bd19-043ee0ad4b1b','{"grace_s": 0}','done','[{"name": "stop", "state": "done", "started": 1795605160.7371352, "ended": 1795605160.7527084}]','null',1.79560516045867490765e+09,1.79560516076688075071e+09);
INSERT INTO "operations" VALUES('2c37881c-f16b-4fde-8d71-c4640db929ee','guest_create','gone','e9ae5460-5a9a-4ae3-aaa8-11f27467deee','739f6831-0a00-4c84-ad88-c23ee871ba2e','{}','done','[{"name": "reserve", "state": "done", "started": 1795605160.9639091, "ended": 1795605160.9746964}, {"name": "image", "state": "done", "started": 1795605160.9992318, "ended": 1795605161.0102386}, {"name": "volume", "state": "done", "started": 1795605161.030722, "ended": 1795605161.0552928}, {"name": "write", "state": "done", "started": 1795605161.076154, "ended": 1795605161.1009433}, {"name": "define", "state": "done", "started": 1795605161.1351056, "ended": 1795605161.1592999}, {"name": "start", "state": "done", "started": 1795605161.18902, "ended": 1795605161.202681}, {"name": "ready", "state": "done", "started": 1795605161.2232988, "ended": 1795605161.2347152}]','null',1.79560516080494713786e+09,1.79560516126145052907e+09);
INSERT INTO "operations" VALUES('4fd169af-7946-4a18-84a8-a5f71f881248','guest_delete','gone','e9ae5460-5a9a-4ae3-aaa8-11f27467deee','739f6831-0a00-4c84-ad88-c23ee871ba2e','{}','done','[{"name": "stop", "state": "done", "started": 1795605161.5046701, "ended": 1795605161.5176911}, {"name": "volumes", "state": "done", "started": 1795605161.5341234, "ended": 1795605161.5474606}, {"name": "undefine", "state": "done", "started": 1795605161.5611897, "ended": 1795605161.5813591}]','null',1.79560516128691601746e+09,1.79560516160353612902e+09);
INSERT INTO "operations" VALUES('0a778eaa-42af-49e9-b884-9e95c4294821','guest_create','grown','8a3fb97b-a1cf-4e0c-9b39-c0197412c870','739f6831-0a00-4c84-ad88-c23ee871ba2e','{}','done','[{"name": "reserve", "state": "done", "started": 1795605161.6974206, "ended": 1795605161.7116003}, {"name": "image", "state": "done", "started": 1795605161.731253, "ended": 1795605161.7621937}, {"name": "volume", "state": "done", "started": 1795605161.776712, "ended": 1795605161.7952814}, {"name": "write", "state": "done", "started": 1795605161.8142145, "ended": 1795605161.8347867}, {"name": "define", "state": "done", "started": 1795605161.8516707, "ended": 1795605161.8634708}, {"name": "start", "state": "done", "started": 1795605161.8912559, "ended": 1795605161.8987575}, {"name": "ready", "state": "done", "started": 1795605161.9166498, "ended": 1795605161.9325523}]','null',1.79560516164638137815e+09,1.79560516194263792037e+09);
INSERT INTO "operations" VALUES('58853059-5344-4bdc-a0c5-8b4f2eb09d27','guest_resize','grown','8a3fb97b-a1cf-4e0c-9b39-c0197412c870','739f6831-0a00-4c84-ad88-c23ee871ba2e','{"before": {"id": "8a3fb97b-a1cf-4e0c-9b39-c0197412c870", "name": "grown", "type": "pv", "plan": "tiny", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:0d:0e:ce", "bridge": "xenbr0", "address": "10.77.16.3/16", "gateway": "10.77.0.1"}], "ssh_keys": []}}','done','[{"name": "define", "state": "done", "started": 1795605162.1786578, "ended": 1795605162.2002428}]','null',1.79560516196292090408e+09,1795605162.21524);
INSERT INTO "operations" VALUES('889db40a-f8eb-48e1-99dc-835cde2254c8','guest_create','never','24f71461-4da5-47db-b296-9170753cbe0a','b0406836-6ac2-4455-b656-b5e9d777799c','{}','failed','[{"name": "reserve", "state": "done", "started": 1795605162.421745, "ended": 1795605162.425138}, {"name": "image", "state": "done", "started": 1795605162.439165, "ended": 1795605162.4466927}, {"name": "volume", "state": "done", "started": 1795605162.456686, "ended": 1795605162.4619863}, {"name": "write", "state": "done", "started": 1795605162.4820027, "ended": 1795605162.4979787}, {"name": "define", "state": "done", "started": 1795605162.5094676, "ended": 1795605162.5343337}, {"name": "start", "state": "failed", "started": 1795605162.5485902, "ended": 1795605162.5606053}, {"name": "undo start", "state": "done", "started": 1795605162.5770042, "ended": 1795605162.6028945}, {"name": "undo define", "state": "done", "started": 1795605162.6170413, "ended": 1795605162.645658}, {"name": "undo volume", "state": "done", "started": 1795605162.669399, "ended": 1795605162.6978512}]','{"kind": "host_fault", "code": "host_fault", "message": "The test broke it.", "todo": "Nothing to do."}',1.79560516226180815696e+09,1.79560516271388149263e+09);
INSERT INTO "operations" VALUES('c75b31bf-f0f9-490a-9107-eadb7edba87a','guest_create','half','9f103a67-30db-4635-84da-45a674e0dd8e','c179df55-377e-49c5-bd19-043ee0ad4b1b','{}','stuck','[{"name": "reserve", "state": "done", "started": 1795605162.8649886, "ended": 1795605162.873792}, {"name": "image", "state": "done", "started": 1795605162.8929935, "ended": 1795605162.9004192}, {"name": "volume", "state": "done", "started": 1795605162.9122968, "ended": 1795605162.9271252}, {"name": "write", "state": "done", "started": 1795605162.9450283, "ended": 1795605162.9581387}, {"name": "define", "state": "done", "started": 1795605162.9650552, "ended": 1795605162.9772274}, {"name": "start", "state": "failed", "started": 1795605162.9884117, "ended": 1795605162.9984539}, {"name": "undo start", "state": "failed", "started": 1795605163.0163713, "ended": 1795605163.1107647}, {"name": "undo define", "state": "failed", "started": 1795605163.1271143, "ended": 1795605163.225868}, {"name": "undo volume", "state": "failed", "started": 1795605163.2392893, "ended": 1795605163.342347}]','{"kind": "host_fault", "code": "host_fault", "message": "The host has lost its power. Not all could be undone: start: Host sim3 does not answer. define: Host sim3 does not answer. volume: Host sim3 does not answer.", "todo": "Then remove what is left: teig guest delete NAME"}',1795605162.78277,1.79560516336110877989e+09);
INSERT INTO "operations" VALUES('daca1864-a80e-4c01-9f7e-82e5d99698e4','guest_create','busy','e982dd15-8240-4915-a25a-4539ef7956ee','b0406836-6ac2-4455-b656-b5e9d777799c','{}','running','[{"name": "reserve", "state": "done", "started": 1795605163.6815104, "ended": 1795605163.6948476}, {"name": "image", "state": "done", "started": 1795605163.704811, "ended": 1795605163.721896}, {"name": "volume", "state": "done", "started": 1795605163.7388697, "ended": 1795605163.7592702}, {"name": "write", "state": "done", "started": 1795605163.768024, "ended": 1795605163.7787807}, {"name": "define", "state": "done", "started": 1795605163.7981234, "ended": 1795605163.8627467}, {"name": "start", "state": "running", "started": 1795605163.8925307, "ended": null}]','null',1795605163.39265,NULL);
INSERT INTO "operations" VALUES('e3996cbf-aa3c-43a9-b3e4-0ced673f4408','guest_reboot','web','677e50ff-5f3e-4766-a3c6-6d0d67bebd7b','b0406836-6ac2-4455-b656-b5e9d777799c','{"grace_s": 0}','queued','[]','null',1.79560516390559053419e+09,NULL);
CREATE TABLE plans (
	name VARCHAR(63) NOT NULL, 
	record JSON NOT NULL, 
	CONSTRAINT pk_plans PRIMARY KEY (name)
);
INSERT INTO "plans" VALUES('gold','{"name": "gold", "memory_mib": 256, "vcpus": 2, "share_cores": 0.5, "ceiling_cores": 2.0, "disk_bytes": 67108864, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "pool": {"medium": "any", "redundancy": "any"}, "out_kbit": 50000, "in_kbit": 50000, "addresses": 1}');
CREATE TABLE pools (
	host VARCHAR(36) NOT NULL, 
	name VARCHAR(127) NOT NULL, 
	capacity JSON NOT NULL, 
	how VARCHAR(16) NOT NULL, 
	rated_at FLOAT NOT NULL, 
	CONSTRAINT pk_pools PRIMARY KEY (host, name), 
	CONSTRAINT fk_pools_host FOREIGN KEY(host) REFERENCES hosts (id)
);
INSERT INTO "pools" VALUES('b0406836-6ac2-4455-b656-b5e9d777799c','vg0','{"read_iops": 1000000, "write_iops": 1000000, "read_bps": 4096000000, "write_bps": 4096000000}','measured',1.79560515829884886742e+09);
INSERT INTO "pools" VALUES('739f6831-0a00-4c84-ad88-c23ee871ba2e','vg0','{"read_iops": 1000000, "write_iops": 1000000, "read_bps": 4096000000, "write_bps": 4096000000}','measured',1.7956051583282048702e+09);
INSERT INTO "pools" VALUES('c179df55-377e-49c5-bd19-043ee0ad4b1b','vg0','{"read_iops": 1000000, "write_iops": 1000000, "read_bps": 4096000000, "write_bps": 4096000000}','measured',1.79560515843111205103e+09);
CREATE TABLE sites (
	name VARCHAR(63) NOT NULL, 
	record JSON NOT NULL, 
	CONSTRAINT pk_sites PRIMARY KEY (name)
);
INSERT INTO "sites" VALUES('lab','{"name": "lab", "country": "NO", "operator": "us", "network": "10.77.0.0/16", "gateway": "10.77.0.1", "first_address": "10.77.16.0", "last_address": "10.77.16.9", "bridge": "xenbr0"}');
INSERT INTO "sites" VALUES('bergen','{"name": "bergen", "country": "NO", "operator": "us", "network": "10.78.0.0/16", "gateway": "10.78.0.1", "first_address": "10.78.16.0", "last_address": "10.78.16.9", "bridge": "xenbr0"}');
CREATE INDEX ix_images_name ON images (name);
CREATE INDEX ix_operations_created ON operations (created);
CREATE INDEX ix_operations_state ON operations (state);
CREATE INDEX ix_guests_host ON guests (host);
CREATE INDEX ix_nics_guest ON nics (guest);
COMMIT;
