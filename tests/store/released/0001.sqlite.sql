BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
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
INSERT INTO "guests" VALUES('7c1aeaae-1453-481b-a474-e58d4c784e26','web','9620e535-bc18-468d-8583-05c84f5472dd','{"id": "7c1aeaae-1453-481b-a474-e58d4c784e26", "name": "web", "type": "pv", "plan": "tiny", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:6c:23:ce", "bridge": "xenbr0", "address": "10.77.16.0/16", "gateway": "10.77.0.1"}], "ssh_keys": []}','running',2,'40ec1bd6-186f-4ec1-a608-f4aac42d2584',1.79560515815880966184e+09);
INSERT INTO "guests" VALUES('0545717a-8d84-4c8a-801e-c73219bf1a1f','db','00946c34-11d3-43da-950e-72945c4d6ed5','{"id": "0545717a-8d84-4c8a-801e-c73219bf1a1f", "name": "db", "type": "pv", "plan": "tiny", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disks": [{"index": 0, "size_bytes": 268435456}, {"index": 1, "size_bytes": 8388608}, {"index": 2, "size_bytes": 16777216}], "nics": [{"mac": "00:16:3e:62:44:49", "bridge": "xenbr0", "address": "10.77.16.1/16", "gateway": "10.77.0.1"}, {"mac": "00:16:3e:77:53:24", "bridge": "xenbr0", "address": "10.77.16.2/16", "gateway": "10.77.0.1"}], "ssh_keys": []}','running',1,NULL,1.79560515930840611459e+09);
INSERT INTO "guests" VALUES('dfb2da63-648e-42a8-9222-206bafd1cba6','off','5eee2538-c91b-4c46-a66f-2a9bad704019','{"id": "dfb2da63-648e-42a8-9222-206bafd1cba6", "name": "off", "type": "pv", "plan": "tiny", "site": "bergen", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:13:50:42", "bridge": "xenbr0", "address": "10.78.16.0/16", "gateway": "10.78.0.1"}], "ssh_keys": []}','stopped',2,NULL,1.79560515975529932973e+09);
INSERT INTO "guests" VALUES('2eb5a561-de71-4a63-91df-121b24c95020','half','5eee2538-c91b-4c46-a66f-2a9bad704019','{"id": "2eb5a561-de71-4a63-91df-121b24c95020", "name": "half", "type": "pv", "plan": "tiny", "site": "bergen", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:22:b6:a4", "bridge": "xenbr0", "address": "10.78.16.1/16", "gateway": "10.78.0.1"}], "ssh_keys": []}','deleting',1,NULL,1.79560516135646796231e+09);
INSERT INTO "guests" VALUES('8cbb5e02-7c96-4936-b82b-668828948999','busy','9620e535-bc18-468d-8583-05c84f5472dd','{"id": "8cbb5e02-7c96-4936-b82b-668828948999", "name": "busy", "type": "pv", "plan": "tiny", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:7d:2c:ce", "bridge": "xenbr0", "address": "10.77.16.3/16", "gateway": "10.77.0.1"}], "ssh_keys": []}','creating',1,'7b00cef4-cd5b-4e46-8aa1-1b8ad2cc75a6',1.79560516224821186065e+09);
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
INSERT INTO "hosts" VALUES('9620e535-bc18-468d-8583-05c84f5472dd','sim1','machine-of-sim1','sim1',22,'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBanSmUnbIRBuL8tCXTIuTTqB5Rzwxc3hu3mSYvqNMHX','lab',0,'{"hostname": "sim1", "machine_id": "machine-of-sim1", "xen_version": "4.17.0-simulated", "kernel": "simulated", "cores": 8, "xen_memory_mib": 8192, "free_memory_mib": 7168, "scheduler": "credit2", "guest_types": ["pv", "pvh"], "dom0_memory_mib": 1024, "dom0_maxmem_mib": 1024, "dom0_vcpus": 2, "dom0_weight": 2048, "autoballoon": false, "cgroup2": true, "bridges": ["xenbr0"], "volume_groups": [{"name": "vg0", "size_bytes": 1099511627776, "free_bytes": 1099511627776}], "missing_programs": [], "foreign": []}',1.79560515794244909284e+09);
INSERT INTO "hosts" VALUES('00946c34-11d3-43da-950e-72945c4d6ed5','sim2','machine-of-sim2','sim2',22,'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBanSmUnbIRBuL8tCXTIuTTqB5Rzwxc3hu3mSYvqNMHX','lab',0,'{"hostname": "sim2", "machine_id": "machine-of-sim2", "xen_version": "4.17.0-simulated", "kernel": "simulated", "cores": 8, "xen_memory_mib": 8192, "free_memory_mib": 7168, "scheduler": "credit2", "guest_types": ["pv", "pvh"], "dom0_memory_mib": 1024, "dom0_maxmem_mib": 1024, "dom0_vcpus": 2, "dom0_weight": 2048, "autoballoon": false, "cgroup2": true, "bridges": ["xenbr0"], "volume_groups": [{"name": "vg0", "size_bytes": 1099511627776, "free_bytes": 1099511627776}], "missing_programs": [], "foreign": []}',1.79560515796608066553e+09);
INSERT INTO "hosts" VALUES('5eee2538-c91b-4c46-a66f-2a9bad704019','sim3','machine-of-sim3','sim3',22,'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBanSmUnbIRBuL8tCXTIuTTqB5Rzwxc3hu3mSYvqNMHX','bergen',0,'{"hostname": "sim3", "machine_id": "machine-of-sim3", "xen_version": "4.17.0-simulated", "kernel": "simulated", "cores": 8, "xen_memory_mib": 8192, "free_memory_mib": 7168, "scheduler": "credit2", "guest_types": ["pv", "pvh"], "dom0_memory_mib": 1024, "dom0_maxmem_mib": 1024, "dom0_vcpus": 2, "dom0_weight": 2048, "autoballoon": false, "cgroup2": true, "bridges": ["xenbr0"], "volume_groups": [{"name": "vg0", "size_bytes": 1099511627776, "free_bytes": 1099511627776}], "missing_programs": [], "foreign": []}',1.79560515808385562893e+09);
CREATE TABLE images (
	id VARCHAR(64) NOT NULL, 
	name VARCHAR(63) NOT NULL, 
	manifest JSON NOT NULL, 
	created FLOAT NOT NULL, 
	CONSTRAINT pk_images PRIMARY KEY (id)
);
INSERT INTO "images" VALUES('2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2','micro','{"name": "micro", "version": "1", "recipe": "0000000000000000000000000000000000000000000000000000000000000000", "arch": "amd64", "files": {"kernel": {"file": "vmlinuz", "sha256": "4fff0d3e643b3894c17a0738fbdc591953aa722c9d42774425090accc4377126", "size": 8, "raw_size": null}, "initrd": {"file": "initrd.img", "sha256": "d52742203e8e42f16f5bbe48a6e8aa94d9876c5abc0185f12c7f7b9ff94c814d", "size": 9, "raw_size": null}, "root": {"file": "root.img.gz", "sha256": "807a9a85a5685ea3de5c055de8a02a861655cef6db807ce4d73eb724dc87f108", "size": 38, "raw_size": null}}, "cmdline": "root=/dev/xvda", "network": "kernel-ip", "ssh": false, "default_user": null, "min_memory_mib": 64, "min_disk_mib": 16, "ready_port": 80}',1.79560515812280678746e+09);
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
INSERT INTO "nics" VALUES('00:16:3e:6c:23:ce','7c1aeaae-1453-481b-a474-e58d4c784e26','lab','10.77.16.0');
INSERT INTO "nics" VALUES('00:16:3e:62:44:49','0545717a-8d84-4c8a-801e-c73219bf1a1f','lab','10.77.16.1');
INSERT INTO "nics" VALUES('00:16:3e:77:53:24','0545717a-8d84-4c8a-801e-c73219bf1a1f','lab','10.77.16.2');
INSERT INTO "nics" VALUES('00:16:3e:13:50:42','dfb2da63-648e-42a8-9222-206bafd1cba6','bergen','10.78.16.0');
INSERT INTO "nics" VALUES('00:16:3e:22:b6:a4','2eb5a561-de71-4a63-91df-121b24c95020','bergen','10.78.16.1');
INSERT INTO "nics" VALUES('00:16:3e:7d:2c:ce','8cbb5e02-7c96-4936-b82b-668828948999','lab','10.77.16.3');
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
INSERT INTO "operations" VALUES('5040bd0f-89a2-47b2-82fa-bbd132442401','guest_create','web','7c1aeaae-1453-481b-a474-e58d4c784e26','9620e535-bc18-468d-8583-05c84f5472dd','{}','done','[{"name": "reserve", "state": "done", "started": 1795605159.08552, "ended": 1795605159.1024704}, {"name": "image", "state": "done", "started": 1795605159.1116126, "ended": 1795605159.1387646}, {"name": "volume", "state": "done", "started": 1795605159.1484957, "ended": 1795605159.154977}, {"name": "write", "state": "done", "started": 1795605159.1728313, "ended": 1795605159.1824868}, {"name": "define", "state": "done", "started": 1795605159.1946828, "ended": 1795605159.2072158}, {"name": "start", "state": "done", "started": 1795605159.2230513, "ended": 1795605159.232137}, {"name": "ready", "state": "done", "started": 1795605159.2447176, "ended": 1795605159.2543385}]','null',1.79560515815879464152e+09,1.79560515926945614816e+09);
INSERT INTO "operations" VALUES('974c52b1-c55c-4fe6-866f-51c40d49a3ca','guest_create','db','0545717a-8d84-4c8a-801e-c73219bf1a1f','00946c34-11d3-43da-950e-72945c4d6ed5','{}','done','[{"name": "reserve", "state": "done", "started": 1795605159.530762, "ended": 1795605159.5513432}, {"name": "image", "state": "done", "started": 1795605159.5741003, "ended": 1795605159.5791311}, {"name": "volume", "state": "done", "started": 1795605159.5977905, "ended": 1795605159.635576}, {"name": "write", "state": "done", "started": 1795605159.6497517, "ended": 1795605159.660119}, {"name": "define", "state": "done", "started": 1795605159.6669235, "ended": 1795605159.6736293}, {"name": "start", "state": "done", "started": 1795605159.683894, "ended": 1795605159.6887882}, {"name": "ready", "state": "done", "started": 1795605159.6992395, "ended": 1795605159.7051756}]','null',1.79560515930839228624e+09,1.79560515971486282351e+09);
INSERT INTO "operations" VALUES('a0ce4621-dd9e-487c-be73-21fe9b8cf8d0','guest_create','off','dfb2da63-648e-42a8-9222-206bafd1cba6','5eee2538-c91b-4c46-a66f-2a9bad704019','{}','done','[{"name": "reserve", "state": "done", "started": 1795605159.9768882, "ended": 1795605159.9858603}, {"name": "image", "state": "done", "started": 1795605159.9979177, "ended": 1795605160.0084147}, {"name": "volume", "state": "done", "started": 1795605160.0220559, "ended": 1795605160.0307636}, {"name": "write", "state": "done", "started": 1795605160.0430772, "ended": 1795605160.0511937}, {"name": "define", "state": "done", "started": 1795605160.0642781, "ended": 1795605160.0745387}, {"name": "start", "state": "done", "started": 1795605160.0856504, "ended": 1795605160.090466}, {"name": "ready", "state": "done", "started": 1795605160.1121876, "ended": 1795605160.1173115}]','null',1.79560515975528669357e+09,1.79560516012321162229e+09);
INSERT INTO "operations" VALUES('145102cb-2f95-4782-818b-808d00726c75','guest_stop','off','dfb2da63-648e-42a8-9222-206bafd1cba6','5eee2538-c91b-4c46-a66f-2a9bad704019','{"grace_s": 0}','done','[{"name": "stop", "state": "done", "started": 1795605160.2003806, "ended": 1795605160.203229}]','null',1.79560516013422870633e+09,1.79560516021960496903e+09);
INSERT INTO "operations" VALUES('d00feb26-3c70-4759-96b7-958d40b4d189','guest_create','gone','f4c22a8d-cb83-49d5-9d9a-786ac9ac689a','00946c34-11d3-43da-950e-72945c4d6ed5','{}','done','[{"name": "reserve", "state": "done", "started": 1795605160.4384658, "ended": 1795605160.4505014}, {"name": "image", "state": "done", "started": 1795605160.4679198, "ended": 1795605160.4765143}, {"name": "volume", "state": "done", "started": 1795605160.4885554, "ended": 1795605160.5010052}, {"name": "write", "state": "done", "started": 1795605160.5148647, "ended": 1795605160.520593}, {"name": "define", "state": "done", "started": 1795605160.5312083, "ended": 1795605160.5371757}, {"name": "start", "state": "done", "started": 1795605160.5471642, "ended": 1795605160.5532632}, {"name": "ready", "state": "done", "started": 1795605160.5655336, "ended": 1795605160.5720108}]','null',1.7956051602496755123e+09,1.79560516058393979067e+09);
INSERT INTO "operations" VALUES('137ac53a-4060-472f-8f1f-f6b62e507aba','guest_delete','gone','f4c22a8d-cb83-49d5-9d9a-786ac9ac689a','00946c34-11d3-43da-950e-72945c4d6ed5','{}','done','[{"name": "stop", "state": "done", "started": 1795605160.6655421, "ended": 1795605160.6795447}, {"name": "volumes", "state": "done", "started": 1795605160.700171, "ended": 1795605160.7033498}, {"name": "undefine", "state": "done", "started": 1795605160.7144375, "ended": 1795605160.7183828}]','null',1.79560516059025263783e+09,1.79560516072942161561e+09);
INSERT INTO "operations" VALUES('96117ba4-53db-4601-958f-4a6044c34616','guest_create','never','4389c992-377d-40c1-8801-6bdda4806199','00946c34-11d3-43da-950e-72945c4d6ed5','{}','failed','[{"name": "reserve", "state": "done", "started": 1795605160.9176354, "ended": 1795605160.9369473}, {"name": "image", "state": "done", "started": 1795605160.9572303, "ended": 1795605160.979799}, {"name": "volume", "state": "done", "started": 1795605160.9971714, "ended": 1795605161.0099056}, {"name": "write", "state": "done", "started": 1795605161.0221312, "ended": 1795605161.0340412}, {"name": "define", "state": "done", "started": 1795605161.0449965, "ended": 1795605161.0632985}, {"name": "start", "state": "failed", "started": 1795605161.08439, "ended": 1795605161.1071486}, {"name": "undo start", "state": "done", "started": 1795605161.1483166, "ended": 1795605161.1635036}, {"name": "undo define", "state": "done", "started": 1795605161.1824317, "ended": 1795605161.1926076}, {"name": "undo volume", "state": "done", "started": 1795605161.2099917, "ended": 1795605161.2377954}]','{"kind": "host_fault", "code": "host_fault", "message": "The test broke it.", "todo": "Nothing to do."}',1.79560516074977922443e+09,1.79560516128289127352e+09);
INSERT INTO "operations" VALUES('2f2598a5-9831-46cf-9ca9-a8ac488956a6','guest_create','half','2eb5a561-de71-4a63-91df-121b24c95020','5eee2538-c91b-4c46-a66f-2a9bad704019','{}','stuck','[{"name": "reserve", "state": "done", "started": 1795605161.606944, "ended": 1795605161.6240387}, {"name": "image", "state": "done", "started": 1795605161.6410637, "ended": 1795605161.654429}, {"name": "volume", "state": "done", "started": 1795605161.6711488, "ended": 1795605161.6943457}, {"name": "write", "state": "done", "started": 1795605161.709326, "ended": 1795605161.7354527}, {"name": "define", "state": "done", "started": 1795605161.742416, "ended": 1795605161.7656991}, {"name": "start", "state": "failed", "started": 1795605161.7793648, "ended": 1795605161.8014257}, {"name": "undo start", "state": "failed", "started": 1795605161.8178718, "ended": 1795605161.9231813}, {"name": "undo define", "state": "failed", "started": 1795605161.953609, "ended": 1795605162.0671082}, {"name": "undo volume", "state": "failed", "started": 1795605162.1011677, "ended": 1795605162.2093241}]','{"kind": "host_fault", "code": "host_fault", "message": "The host has lost its power. Not all could be undone: start: Host sim3 does not answer. define: Host sim3 does not answer. volume: Host sim3 does not answer.", "todo": "Then remove what is left: teig guest delete NAME"}',1.79560516135645079614e+09,1.79560516222134757043e+09);
INSERT INTO "operations" VALUES('7b00cef4-cd5b-4e46-8aa1-1b8ad2cc75a6','guest_create','busy','8cbb5e02-7c96-4936-b82b-668828948999','9620e535-bc18-468d-8583-05c84f5472dd','{}','running','[{"name": "reserve", "state": "done", "started": 1795605162.4949915, "ended": 1795605162.5166485}, {"name": "image", "state": "done", "started": 1795605162.5376742, "ended": 1795605162.553926}, {"name": "volume", "state": "done", "started": 1795605162.5797615, "ended": 1795605162.605799}, {"name": "write", "state": "done", "started": 1795605162.6270852, "ended": 1795605162.6473234}, {"name": "define", "state": "done", "started": 1795605162.6606884, "ended": 1795605162.6751719}, {"name": "start", "state": "running", "started": 1795605162.6962488, "ended": null}]','null',1.79560516224819445608e+09,NULL);
INSERT INTO "operations" VALUES('40ec1bd6-186f-4ec1-a608-f4aac42d2584','guest_reboot','web','7c1aeaae-1453-481b-a474-e58d4c784e26','9620e535-bc18-468d-8583-05c84f5472dd','{"grace_s": 0}','queued','[]','null',1.79560516271034646034e+09,NULL);
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
