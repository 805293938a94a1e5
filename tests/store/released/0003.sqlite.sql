BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0003');
CREATE TABLE "guests" (
	id VARCHAR(36) NOT NULL, 
	name VARCHAR(63) NOT NULL, 
	host VARCHAR(36) NOT NULL, 
	spec JSON NOT NULL, 
	phase VARCHAR(16) NOT NULL, 
	fence BIGINT NOT NULL, 
	operation VARCHAR(36), 
	created FLOAT NOT NULL, 
	memory_mib INTEGER NOT NULL, 
	vcpus INTEGER NOT NULL, 
	millicores INTEGER NOT NULL, 
	disk_bytes BIGINT NOT NULL, 
	read_iops BIGINT NOT NULL, 
	write_iops BIGINT NOT NULL, 
	read_bps BIGINT NOT NULL, 
	write_bps BIGINT NOT NULL, 
	CONSTRAINT pk_guests PRIMARY KEY (id), 
	CONSTRAINT fk_guests_host FOREIGN KEY(host) REFERENCES hosts (id), 
	CONSTRAINT uq_guests_name UNIQUE (name)
);
INSERT INTO "guests" VALUES('d30df974-7de0-48ef-8496-0f5b1999b3d2','web','923b12e4-5f36-41e5-aec7-bc89b538fc82','{"id": "d30df974-7de0-48ef-8496-0f5b1999b3d2", "name": "web", "type": "pv", "plan": "tiny", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:0a:3e:58", "bridge": "xenbr0", "address": "10.77.16.0/16", "gateway": "10.77.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}','running',2,'9c4d6b4a-250c-4ac7-8738-5b1ce5928941',1.79560524309593796728e+09,96,1,100,268435456,500,250,16777216,8388608);
INSERT INTO "guests" VALUES('135318c9-7cfc-4218-a744-0b5bb6a6f9b4','db','086d4b71-e28c-445b-ab6e-18073f47790a','{"id": "135318c9-7cfc-4218-a744-0b5bb6a6f9b4", "name": "db", "type": "pv", "plan": "tiny", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}, {"index": 1, "size_bytes": 8388608}, {"index": 2, "size_bytes": 16777216}], "nics": [{"mac": "00:16:3e:7d:c7:24", "bridge": "xenbr0", "address": "10.77.16.1/16", "gateway": "10.77.0.1"}, {"mac": "00:16:3e:5b:bf:54", "bridge": "xenbr0", "address": "10.77.16.2/16", "gateway": "10.77.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}','running',2,NULL,1.79560524327767944341e+09,96,1,100,293601280,500,250,16777216,8388608);
INSERT INTO "guests" VALUES('76457cb7-24e7-4e6e-809c-aa8061358edd','off','f3a4b5be-85c0-4036-81f8-1e102c1d4804','{"id": "76457cb7-24e7-4e6e-809c-aa8061358edd", "name": "off", "type": "pv", "plan": "tiny", "site": "bergen", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:7d:7f:0c", "bridge": "xenbr0", "address": "10.78.16.0/16", "gateway": "10.78.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}','stopped',3,NULL,1.79560524336208724976e+09,96,1,100,268435456,500,250,16777216,8388608);
INSERT INTO "guests" VALUES('de257f2e-d157-4497-a8b4-5ffab6358296','grown','086d4b71-e28c-445b-ab6e-18073f47790a','{"id": "de257f2e-d157-4497-a8b4-5ffab6358296", "name": "grown", "type": "pv", "plan": "gold", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 256, "vcpus": 2, "share_cores": 0.5, "ceiling_cores": 2.0, "weight": 256, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:15:5c:2a", "bridge": "xenbr0", "address": "10.77.16.3/16", "gateway": "10.77.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}','running',3,NULL,1.79560524359827637674e+09,256,2,500,268435456,500,250,16777216,8388608);
INSERT INTO "guests" VALUES('c6beee21-9898-45c6-a8f7-a45612eee7c3','half','f3a4b5be-85c0-4036-81f8-1e102c1d4804','{"id": "c6beee21-9898-45c6-a8f7-a45612eee7c3", "name": "half", "type": "pv", "plan": "tiny", "site": "bergen", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:4f:a7:9b", "bridge": "xenbr0", "address": "10.78.16.1/16", "gateway": "10.78.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}','deleting',2,NULL,1.79560524379019236561e+09,96,1,100,268435456,500,250,16777216,8388608);
INSERT INTO "guests" VALUES('366beb1d-11ca-4165-be60-87584b5c6992','busy','923b12e4-5f36-41e5-aec7-bc89b538fc82','{"id": "366beb1d-11ca-4165-be60-87584b5c6992", "name": "busy", "type": "pv", "plan": "tiny", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:02:99:c3", "bridge": "xenbr0", "address": "10.77.16.4/16", "gateway": "10.77.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}','creating',2,'053c30d5-02ec-4746-8e03-75895681d8c9',1.79560524412119460108e+09,96,1,100,268435456,500,250,16777216,8388608);
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
INSERT INTO "hosts" VALUES('923b12e4-5f36-41e5-aec7-bc89b538fc82','sim1','machine-of-sim1','sim1',22,'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBanSmUnbIRBuL8tCXTIuTTqB5Rzwxc3hu3mSYvqNMHX','lab',0,'{"hostname": "sim1", "machine_id": "machine-of-sim1", "xen_version": "4.17.0-simulated", "kernel": "simulated", "cores": 8, "xen_memory_mib": 8192, "free_memory_mib": 7168, "scheduler": "credit2", "guest_types": ["pv", "pvh"], "dom0_memory_mib": 1024, "dom0_maxmem_mib": 1024, "dom0_vcpus": 2, "dom0_weight": 2048, "autoballoon": false, "cgroup2": true, "bridges": ["xenbr0"], "volume_groups": [{"name": "vg0", "size_bytes": 1099511627776, "free_bytes": 1099511627776, "medium": "ssd", "redundancy": "raid10", "problem": ""}], "missing_programs": [], "foreign": [], "keeper_beat": 1.0}',1.79560524299049115181e+09);
INSERT INTO "hosts" VALUES('086d4b71-e28c-445b-ab6e-18073f47790a','sim2','machine-of-sim2','sim2',22,'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBanSmUnbIRBuL8tCXTIuTTqB5Rzwxc3hu3mSYvqNMHX','lab',0,'{"hostname": "sim2", "machine_id": "machine-of-sim2", "xen_version": "4.17.0-simulated", "kernel": "simulated", "cores": 8, "xen_memory_mib": 8192, "free_memory_mib": 7168, "scheduler": "credit2", "guest_types": ["pv", "pvh"], "dom0_memory_mib": 1024, "dom0_maxmem_mib": 1024, "dom0_vcpus": 2, "dom0_weight": 2048, "autoballoon": false, "cgroup2": true, "bridges": ["xenbr0"], "volume_groups": [{"name": "vg0", "size_bytes": 1099511627776, "free_bytes": 1099511627776, "medium": "ssd", "redundancy": "raid10", "problem": ""}], "missing_programs": [], "foreign": [], "keeper_beat": 1.0}',1.79560524301644921303e+09);
INSERT INTO "hosts" VALUES('f3a4b5be-85c0-4036-81f8-1e102c1d4804','sim3','machine-of-sim3','sim3',22,'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBanSmUnbIRBuL8tCXTIuTTqB5Rzwxc3hu3mSYvqNMHX','bergen',0,'{"hostname": "sim3", "machine_id": "machine-of-sim3", "xen_version": "4.17.0-simulated", "kernel": "simulated", "cores": 8, "xen_memory_mib": 8192, "free_memory_mib": 7168, "scheduler": "credit2", "guest_types": ["pv", "pvh"], "dom0_memory_mib": 1024, "dom0_maxmem_mib": 1024, "dom0_vcpus": 2, "dom0_weight": 2048, "autoballoon": false, "cgroup2": true, "bridges": ["xenbr0"], "volume_groups": [{"name": "vg0", "size_bytes": 1099511627776, "free_bytes": 1099511627776, "medium": "ssd", "redundancy": "raid10", "problem": ""}], "missing_programs": [], "foreign": [], "keeper_beat": 1.0}',1.79560524304778742791e+09);
CREATE TABLE images (
	id VARCHAR(64) NOT NULL, 
	name VARCHAR(63) NOT NULL, 
	manifest JSON NOT NULL, 
	created FLOAT NOT NULL, 
	CONSTRAINT pk_images PRIMARY KEY (id)
);
INSERT INTO "images" VALUES('2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2','micro','{"name": "micro", "version": "1", "recipe": "0000000000000000000000000000000000000000000000000000000000000000", "arch": "amd64", "files": {"kernel": {"file": "vmlinuz", "sha256": "4fff0d3e643b3894c17a0738fbdc591953aa722c9d42774425090accc4377126", "size": 8, "raw_size": null}, "initrd": {"file": "initrd.img", "sha256": "d52742203e8e42f16f5bbe48a6e8aa94d9876c5abc0185f12c7f7b9ff94c814d", "size": 9, "raw_size": null}, "root": {"file": "root.img.gz", "sha256": "807a9a85a5685ea3de5c055de8a02a861655cef6db807ce4d73eb724dc87f108", "size": 38, "raw_size": null}}, "cmdline": "root=/dev/xvda", "network": "kernel-ip", "ssh": false, "default_user": null, "min_memory_mib": 64, "min_disk_mib": 16, "ready_port": 80}',1.79560524306982588764e+09);
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
INSERT INTO "nics" VALUES('00:16:3e:0a:3e:58','d30df974-7de0-48ef-8496-0f5b1999b3d2','lab','10.77.16.0');
INSERT INTO "nics" VALUES('00:16:3e:7d:c7:24','135318c9-7cfc-4218-a744-0b5bb6a6f9b4','lab','10.77.16.1');
INSERT INTO "nics" VALUES('00:16:3e:5b:bf:54','135318c9-7cfc-4218-a744-0b5bb6a6f9b4','lab','10.77.16.2');
INSERT INTO "nics" VALUES('00:16:3e:7d:7f:0c','76457cb7-24e7-4e6e-809c-aa8061358edd','bergen','10.78.16.0');
INSERT INTO "nics" VALUES('00:16:3e:15:5c:2a','de257f2e-d157-4497-a8b4-5ffab6358296','lab','10.77.16.3');
INSERT INTO "nics" VALUES('00:16:3e:4f:a7:9b','c6beee21-9898-45c6-a8f7-a45612eee7c3','bergen','10.78.16.1');
INSERT INTO "nics" VALUES('00:16:3e:02:99:c3','366beb1d-11ca-4165-be60-87584b5c6992','lab','10.77.16.4');
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
INSERT INTO "operations" VALUES('822d8640-db63-479a-aa98-b5890d3ef869','guest_create','web','d30df974-7de0-48ef-8496-0f5b1999b3d2','923b12e4-5f36-41e5-aec7-bc89b538fc82','{}','done','[{"name": "reserve", "state": "done", "started": 1795605243.1418688, "ended": 1795605243.164331}, {"name": "image", "state": "done", "started": 1795605243.164331, "ended": 1795605243.180376}, {"name": "volume", "state": "done", "started": 1795605243.180376, "ended": 1795605243.1900933}, {"name": "write", "state": "done", "started": 1795605243.1900933, "ended": 1795605243.199352}, {"name": "define", "state": "done", "started": 1795605243.199352, "ended": 1795605243.2059083}, {"name": "start", "state": "done", "started": 1795605243.2059083, "ended": 1795605243.2201624}, {"name": "ready", "state": "done", "started": 1795605243.2201624, "ended": 1795605243.2290113}]','null',1795605243.09592,1.79560524322901129716e+09,'9fd94857-b2b8-4b5a-9496-ecd7d8fe7d84',2,0);
INSERT INTO "operations" VALUES('9e9c0330-5cc8-41f9-bfec-b7ab673b65f7','guest_create','db','135318c9-7cfc-4218-a744-0b5bb6a6f9b4','086d4b71-e28c-445b-ab6e-18073f47790a','{}','done','[{"name": "reserve", "state": "done", "started": 1795605243.3070438, "ended": 1795605243.3182683}, {"name": "image", "state": "done", "started": 1795605243.3182683, "ended": 1795605243.3214695}, {"name": "volume", "state": "done", "started": 1795605243.3214695, "ended": 1795605243.3233714}, {"name": "write", "state": "done", "started": 1795605243.3233714, "ended": 1795605243.3292835}, {"name": "define", "state": "done", "started": 1795605243.3292835, "ended": 1795605243.3373888}, {"name": "start", "state": "done", "started": 1795605243.3373888, "ended": 1795605243.3394973}, {"name": "ready", "state": "done", "started": 1795605243.3394973, "ended": 1795605243.348518}]','null',1.79560524327766084674e+09,1.79560524334851789474e+09,'9fd94857-b2b8-4b5a-9496-ecd7d8fe7d84',2,0);
INSERT INTO "operations" VALUES('29b05216-ce4a-4b31-a3ae-31321509216e','guest_create','off','76457cb7-24e7-4e6e-809c-aa8061358edd','f3a4b5be-85c0-4036-81f8-1e102c1d4804','{}','done','[{"name": "reserve", "state": "done", "started": 1795605243.3773384, "ended": 1795605243.3837125}, {"name": "image", "state": "done", "started": 1795605243.3837125, "ended": 1795605243.3896134}, {"name": "volume", "state": "done", "started": 1795605243.3896134, "ended": 1795605243.3969073}, {"name": "write", "state": "done", "started": 1795605243.3969073, "ended": 1795605243.4041457}, {"name": "define", "state": "done", "started": 1795605243.4041457, "ended": 1795605243.4060197}, {"name": "start", "state": "done", "started": 1795605243.4060197, "ended": 1795605243.412502}, {"name": "ready", "state": "done", "started": 1795605243.412502, "ended": 1795605243.4191916}]','null',1.7956052433620758057e+09,1.79560524341919159892e+09,'9fd94857-b2b8-4b5a-9496-ecd7d8fe7d84',2,0);
INSERT INTO "operations" VALUES('65259bc9-360a-475c-8d90-3d3a8c4d7a6a','guest_stop','off','76457cb7-24e7-4e6e-809c-aa8061358edd','f3a4b5be-85c0-4036-81f8-1e102c1d4804','{"grace_s": 0}','done','[{"name": "stop", "state": "done", "started": 1795605243.4580154, "ended": 1795605243.4607923}]','null',1.79560524344627285e+09,1.79560524346079230313e+09,'9fd94857-b2b8-4b5a-9496-ecd7d8fe7d84',3,0);
INSERT INTO "operations" VALUES('515781d7-00e1-43b4-aba9-6458768565f1','guest_create','gone','0b73c212-9f41-48bf-b95d-be18d5448d55','086d4b71-e28c-445b-ab6e-18073f47790a','{}','done','[{"name": "reserve", "state": "done", "started": 1795605243.50282, "ended": 1795605243.5091915}, {"name": "image", "state": "done", "started": 1795605243.5091915, "ended": 1795605243.513934}, {"name": "volume", "state": "done", "started": 1795605243.513934, "ended": 1795605243.5206995}, {"name": "write", "state": "done", "started": 1795605243.5206995, "ended": 1795605243.5244768}, {"name": "define", "state": "done", "started": 1795605243.5244768, "ended": 1795605243.5262425}, {"name": "start", "state": "done", "started": 1795605243.5262425, "ended": 1795605243.5321074}, {"name": "ready", "state": "done", "started": 1795605243.5321074, "ended": 1795605243.5394773}]','null',1.79560524349074339869e+09,1.79560524353947734838e+09,'9fd94857-b2b8-4b5a-9496-ecd7d8fe7d84',2,0);
INSERT INTO "operations" VALUES('0c36956e-0bef-45b4-b249-920220822c59','guest_delete','gone','0b73c212-9f41-48bf-b95d-be18d5448d55','086d4b71-e28c-445b-ab6e-18073f47790a','{}','done','[{"name": "stop", "state": "done", "started": 1795605243.5557425, "ended": 1795605243.564065}, {"name": "volumes", "state": "done", "started": 1795605243.564065, "ended": 1795605243.5705562}, {"name": "undefine", "state": "done", "started": 1795605243.5705562, "ended": 1795605243.5732296}]','null',1.79560524354486179352e+09,1.79560524357322955132e+09,'9fd94857-b2b8-4b5a-9496-ecd7d8fe7d84',3,0);
INSERT INTO "operations" VALUES('cc18d12c-4a61-4334-8932-83027992386c','guest_create','grown','de257f2e-d157-4497-a8b4-5ffab6358296','086d4b71-e28c-445b-ab6e-18073f47790a','{}','done','[{"name": "reserve", "state": "done", "started": 1795605243.6113393, "ended": 1795605243.6202693}, {"name": "image", "state": "done", "started": 1795605243.6202693, "ended": 1795605243.6229296}, {"name": "volume", "state": "done", "started": 1795605243.6229296, "ended": 1795605243.6280859}, {"name": "write", "state": "done", "started": 1795605243.6280859, "ended": 1795605243.6298075}, {"name": "define", "state": "done", "started": 1795605243.6298075, "ended": 1795605243.6434832}, {"name": "start", "state": "done", "started": 1795605243.6434832, "ended": 1795605243.649854}, {"name": "ready", "state": "done", "started": 1795605243.649854, "ended": 1795605243.6597447}]','null',1.79560524359826016423e+09,1.79560524365974473956e+09,'9fd94857-b2b8-4b5a-9496-ecd7d8fe7d84',2,0);
INSERT INTO "operations" VALUES('3e5ce0ef-f39e-442f-b756-851b792ccef1','guest_resize','grown','de257f2e-d157-4497-a8b4-5ffab6358296','086d4b71-e28c-445b-ab6e-18073f47790a','{"before": {"id": "de257f2e-d157-4497-a8b4-5ffab6358296", "name": "grown", "type": "pv", "plan": "tiny", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:15:5c:2a", "bridge": "xenbr0", "address": "10.77.16.3/16", "gateway": "10.77.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}}','done','[{"name": "define", "state": "done", "started": 1795605243.6806884, "ended": 1795605243.687508}]','null',1.79560524366912698749e+09,1.79560524368750810625e+09,'9fd94857-b2b8-4b5a-9496-ecd7d8fe7d84',3,0);
INSERT INTO "operations" VALUES('9aae1564-7aea-4ada-a762-9c7b12dd6486','guest_create','never','e633f6a1-c861-4fd2-8ae6-da575fd8a5f3','923b12e4-5f36-41e5-aec7-bc89b538fc82','{}','failed','[{"name": "reserve", "state": "done", "started": 1795605243.7193444, "ended": 1795605243.721424}, {"name": "image", "state": "done", "started": 1795605243.721424, "ended": 1795605243.7244093}, {"name": "volume", "state": "done", "started": 1795605243.7244093, "ended": 1795605243.727596}, {"name": "write", "state": "done", "started": 1795605243.727596, "ended": 1795605243.7294526}, {"name": "define", "state": "done", "started": 1795605243.7294526, "ended": 1795605243.735575}, {"name": "start", "state": "failed", "started": 1795605243.735575, "ended": 1795605243.7440205}, {"name": "undo start", "state": "done", "started": 1795605243.7459188, "ended": 1795605243.7537706}, {"name": "undo define", "state": "done", "started": 1795605243.7537706, "ended": 1795605243.755514}, {"name": "undo volume", "state": "done", "started": 1795605243.755514, "ended": 1795605243.7601507}]','{"kind": "host_fault", "code": "host_fault", "message": "The test broke it.", "todo": "Nothing to do."}',1.79560524371265411375e+09,1.79560524376015067096e+09,'9fd94857-b2b8-4b5a-9496-ecd7d8fe7d84',2,0);
INSERT INTO "operations" VALUES('5b424b17-605e-43c9-a6f7-95f41d7bbda3','guest_create','half','c6beee21-9898-45c6-a8f7-a45612eee7c3','f3a4b5be-85c0-4036-81f8-1e102c1d4804','{}','stuck','[{"name": "reserve", "state": "done", "started": 1795605243.8088248, "ended": 1795605243.813475}, {"name": "image", "state": "done", "started": 1795605243.813475, "ended": 1795605243.8200972}, {"name": "volume", "state": "done", "started": 1795605243.8200972, "ended": 1795605243.8245597}, {"name": "write", "state": "done", "started": 1795605243.8245597, "ended": 1795605243.832657}, {"name": "define", "state": "done", "started": 1795605243.832657, "ended": 1795605243.8367677}, {"name": "start", "state": "failed", "started": 1795605243.8367677, "ended": 1795605243.839912}, {"name": "undo start", "state": "failed", "started": 1795605243.8417645, "ended": 1795605243.9204826}, {"name": "undo define", "state": "failed", "started": 1795605243.9241006, "ended": 1795605243.9981115}, {"name": "undo volume", "state": "failed", "started": 1795605244.0007105, "ended": 1795605244.0760422}]','{"kind": "host_fault", "code": "host_fault", "message": "The host has lost its power. Not all could be undone: start: Host sim3 does not answer. define: Host sim3 does not answer. volume: Host sim3 does not answer.", "todo": "Then remove what is left: teig guest delete NAME"}',1.79560524379018163678e+09,1.79560524407892322545e+09,'9fd94857-b2b8-4b5a-9496-ecd7d8fe7d84',2,0);
INSERT INTO "operations" VALUES('053c30d5-02ec-4746-8e03-75895681d8c9','guest_create','busy','366beb1d-11ca-4165-be60-87584b5c6992','923b12e4-5f36-41e5-aec7-bc89b538fc82','{}','running','[{"name": "reserve", "state": "done", "started": 1795605244.1419635, "ended": 1795605244.1529276}, {"name": "image", "state": "done", "started": 1795605244.1529276, "ended": 1795605244.1553621}, {"name": "volume", "state": "done", "started": 1795605244.1553621, "ended": 1795605244.1702695}, {"name": "write", "state": "done", "started": 1795605244.1702695, "ended": 1795605244.2572408}, {"name": "define", "state": "done", "started": 1795605244.2572408, "ended": 1795605244.2593842}, {"name": "start", "state": "running", "started": 1795605244.2593842, "ended": null}]','null',1.79560524412117886541e+09,NULL,'9fd94857-b2b8-4b5a-9496-ecd7d8fe7d84',2,0);
INSERT INTO "operations" VALUES('9c4d6b4a-250c-4ac7-8738-5b1ce5928941','guest_reboot','web','d30df974-7de0-48ef-8496-0f5b1999b3d2','923b12e4-5f36-41e5-aec7-bc89b538fc82','{"grace_s": 0}','queued','[]','null',1.79560524427290248866e+09,NULL,NULL,0,0);
INSERT INTO "operations" VALUES('e9cd80ad-df1a-4474-bbad-6cf61cf20c33','guest_create','taken-back','3a02ae78-4460-4fb7-872c-59d6f141f921','923b12e4-5f36-41e5-aec7-bc89b538fc82','{}','cancelled','[]','{"kind": "conflict", "code": "cancelled", "message": "It was cancelled, and everything that it had done was undone.", "todo": ""}',1.79560524428590798378e+09,1.79560524430194807057e+09,NULL,0,1);
CREATE TABLE plans (
	name VARCHAR(63) NOT NULL, 
	record JSON NOT NULL, 
	CONSTRAINT pk_plans PRIMARY KEY (name)
);
INSERT INTO "plans" VALUES('gold','{"name": "gold", "memory_mib": 256, "vcpus": 2, "share_cores": 0.5, "ceiling_cores": 2.0, "disk_bytes": 67108864, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "pool": {"medium": "any", "redundancy": "any"}, "out_kbit": 50000, "in_kbit": 50000, "addresses": 1, "own_cores": false}');
CREATE TABLE pools (
	host VARCHAR(36) NOT NULL, 
	name VARCHAR(127) NOT NULL, 
	capacity JSON NOT NULL, 
	how VARCHAR(16) NOT NULL, 
	rated_at FLOAT NOT NULL, 
	CONSTRAINT pk_pools PRIMARY KEY (host, name), 
	CONSTRAINT fk_pools_host FOREIGN KEY(host) REFERENCES hosts (id)
);
INSERT INTO "pools" VALUES('923b12e4-5f36-41e5-aec7-bc89b538fc82','vg0','{"read_iops": 1000000, "write_iops": 1000000, "read_bps": 4096000000, "write_bps": 4096000000}','measured',1.79560524300278973584e+09);
INSERT INTO "pools" VALUES('086d4b71-e28c-445b-ab6e-18073f47790a','vg0','{"read_iops": 1000000, "write_iops": 1000000, "read_bps": 4096000000, "write_bps": 4096000000}','measured',1.79560524302078270914e+09);
INSERT INTO "pools" VALUES('f3a4b5be-85c0-4036-81f8-1e102c1d4804','vg0','{"read_iops": 1000000, "write_iops": 1000000, "read_bps": 4096000000, "write_bps": 4096000000}','measured',1.79560524305604720112e+09);
CREATE TABLE servers (
	id VARCHAR(36) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	version VARCHAR(32) NOT NULL, 
	ssh_public_key TEXT NOT NULL, 
	beats BIGINT NOT NULL, 
	lost BOOLEAN NOT NULL, 
	CONSTRAINT pk_servers PRIMARY KEY (id)
);
INSERT INTO "servers" VALUES('9fd94857-b2b8-4b5a-9496-ecd7d8fe7d84','server1:3599','2','ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBanSmUnbIRBuL8tCXTIuTTqB5Rzwxc3hu3mSYvqNMHX',0,0);
CREATE TABLE sites (
	name VARCHAR(63) NOT NULL, 
	record JSON NOT NULL, 
	CONSTRAINT pk_sites PRIMARY KEY (name)
);
INSERT INTO "sites" VALUES('lab','{"name": "lab", "country": "NO", "operator": "us", "network": "10.77.0.0/16", "gateway": "10.77.0.1", "first_address": "10.77.16.0", "last_address": "10.77.16.9", "bridge": "xenbr0"}');
INSERT INTO "sites" VALUES('bergen','{"name": "bergen", "country": "NO", "operator": "us", "network": "10.78.0.0/16", "gateway": "10.78.0.1", "first_address": "10.78.16.0", "last_address": "10.78.16.9", "bridge": "xenbr0"}');
CREATE INDEX ix_images_name ON images (name);
CREATE INDEX ix_nics_guest ON nics (guest);
CREATE INDEX ix_operations_state ON operations (state);
CREATE INDEX ix_operations_created ON operations (created);
CREATE INDEX ix_guests_host ON guests (host);
CREATE UNIQUE INDEX uq_operations_host_worked_on ON operations (host) WHERE server IS NOT NULL AND ended IS NULL;
COMMIT;
