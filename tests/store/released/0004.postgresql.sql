--
-- PostgreSQL database dump
--

\restrict 5CbgfK8UfOv2Dv4FuufknVJpRKf5aDXReGNrrquq3QD81uWhJLO8afj8BkkEeTE

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: public; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA public;


--
-- Name: SCHEMA public; Type: COMMENT; Schema: -; Owner: -
--

COMMENT ON SCHEMA public IS 'standard public schema';


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: alembic_version; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);


--
-- Name: guests; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.guests (
    id character varying(36) NOT NULL,
    name character varying(63) NOT NULL,
    host character varying(36) NOT NULL,
    spec json NOT NULL,
    phase character varying(16) NOT NULL,
    fence bigint NOT NULL,
    created double precision NOT NULL,
    attention text,
    project character varying(63)
);


--
-- Name: hosts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.hosts (
    id character varying(36) NOT NULL,
    name character varying(63) NOT NULL,
    machine_id character varying(64) NOT NULL,
    address character varying(255) NOT NULL,
    port integer NOT NULL,
    host_key text NOT NULL,
    site character varying(63) NOT NULL
);


--
-- Name: images; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.images (
    id character varying(64) NOT NULL,
    name character varying(63) NOT NULL,
    manifest json NOT NULL,
    created double precision NOT NULL,
    project character varying(63)
);


--
-- Name: nics; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.nics (
    mac character varying(17) NOT NULL,
    guest character varying(36) NOT NULL,
    site character varying(63) NOT NULL,
    address character varying(15) NOT NULL,
    number bigint NOT NULL
);


--
-- Name: observations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.observations (
    host character varying(36) NOT NULL,
    seen_at double precision NOT NULL,
    boot character varying(64) NOT NULL,
    uptime_ns bigint NOT NULL,
    facts json NOT NULL,
    capacity json NOT NULL,
    memory_mib bigint NOT NULL,
    drift json NOT NULL,
    differs boolean NOT NULL,
    error json,
    silent_since double precision
);


--
-- Name: observed_addresses; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.observed_addresses (
    host character varying(36) NOT NULL,
    address character varying(15) NOT NULL
);


--
-- Name: observed_guests; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.observed_guests (
    guest character varying(36) NOT NULL,
    host character varying(36) NOT NULL,
    boot character varying(64) NOT NULL,
    uptime_ns bigint NOT NULL,
    fence bigint NOT NULL,
    state character varying(16) NOT NULL,
    domid integer,
    answers boolean,
    started_s double precision,
    record json NOT NULL
);


--
-- Name: operations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.operations (
    id character varying(36) NOT NULL,
    kind character varying(32) NOT NULL,
    subject character varying(63) NOT NULL,
    guest character varying(36) NOT NULL,
    host character varying(36) NOT NULL,
    params json NOT NULL,
    state character varying(16) NOT NULL,
    steps json NOT NULL,
    error json,
    created double precision NOT NULL,
    ended double precision,
    server character varying(36),
    fence bigint NOT NULL,
    cancelled boolean NOT NULL
);


--
-- Name: plans; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.plans (
    name character varying(63) NOT NULL,
    record json NOT NULL
);


--
-- Name: pools; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.pools (
    host character varying(36) NOT NULL,
    name character varying(127) NOT NULL,
    capacity json NOT NULL,
    how character varying(16) NOT NULL,
    rated_at double precision NOT NULL,
    together boolean NOT NULL
);


--
-- Name: reservations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.reservations (
    guest character varying(36) NOT NULL,
    host character varying(36) NOT NULL,
    pool character varying(127) NOT NULL,
    memory_mib bigint NOT NULL,
    millicores bigint NOT NULL,
    disk_bytes bigint NOT NULL,
    read_iops bigint NOT NULL,
    write_iops bigint NOT NULL,
    read_bps bigint NOT NULL,
    write_bps bigint NOT NULL
);


--
-- Name: servers; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.servers (
    id character varying(36) NOT NULL,
    name character varying(255) NOT NULL,
    version character varying(32) NOT NULL,
    ssh_public_key text NOT NULL,
    beats bigint NOT NULL,
    lost boolean NOT NULL
);


--
-- Name: sites; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.sites (
    name character varying(63) NOT NULL,
    record json NOT NULL,
    project character varying(63)
);


--
-- Data for Name: alembic_version; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.alembic_version VALUES ('0004');


--
-- Data for Name: guests; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.guests VALUES ('78d4f54f-e0b8-4d6e-b472-5b5ac7078267', 'busy', '49e61ed0-0233-4258-a40c-5cb19c1e1194', '{"id": "78d4f54f-e0b8-4d6e-b472-5b5ac7078267", "name": "busy", "type": "pv", "plan": "tiny", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:58:79:41", "bridge": "xenbr0", "address": "10.77.16.4/16", "gateway": "10.77.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}', 'creating', 2, 1795804574.1678982, NULL, NULL);
INSERT INTO public.guests VALUES ('8116ea86-f9a4-4cf0-80d0-0cfaf616f7e8', 'db', '205bfde5-43c0-4379-913c-0271a7cbeed3', '{"id": "8116ea86-f9a4-4cf0-80d0-0cfaf616f7e8", "name": "db", "type": "pv", "plan": "tiny", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}, {"index": 1, "size_bytes": 8388608}, {"index": 2, "size_bytes": 16777216}], "nics": [{"mac": "00:16:3e:43:47:ff", "bridge": "xenbr0", "address": "10.77.16.1/16", "gateway": "10.77.0.1"}, {"mac": "00:16:3e:55:4e:67", "bridge": "xenbr0", "address": "10.77.16.2/16", "gateway": "10.77.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}', 'running', 2, 1795804570.7899966, NULL, NULL);
INSERT INTO public.guests VALUES ('c16d9722-dfe1-4063-9a4b-7023420b9670', 'web', '49e61ed0-0233-4258-a40c-5cb19c1e1194', '{"id": "c16d9722-dfe1-4063-9a4b-7023420b9670", "name": "web", "type": "pv", "plan": "tiny", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:3e:d0:1e", "bridge": "xenbr0", "address": "10.77.16.0/16", "gateway": "10.77.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}', 'running', 3, 1795804570.0197246, NULL, NULL);
INSERT INTO public.guests VALUES ('54eb1de6-8b3e-431e-8325-7ba38043f04d', 'off', 'dc360d8a-48a0-41d4-a0b5-206816e7fa3f', '{"id": "54eb1de6-8b3e-431e-8325-7ba38043f04d", "name": "off", "type": "pv", "plan": "tiny", "site": "bergen", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:61:f1:fa", "bridge": "xenbr0", "address": "10.78.16.0/16", "gateway": "10.78.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}', 'stopped', 3, 1795804571.3002036, NULL, NULL);
INSERT INTO public.guests VALUES ('bfd5e32e-81b4-4501-af07-f0638f392712', 'grown', '205bfde5-43c0-4379-913c-0271a7cbeed3', '{"id": "bfd5e32e-81b4-4501-af07-f0638f392712", "name": "grown", "type": "pv", "plan": "gold", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 256, "vcpus": 2, "share_cores": 0.5, "ceiling_cores": 2.0, "weight": 256, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:06:e4:93", "bridge": "xenbr0", "address": "10.77.16.3/16", "gateway": "10.77.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}', 'running', 3, 1795804572.264904, NULL, NULL);
INSERT INTO public.guests VALUES ('1594e4fe-99ef-4847-a48d-5d795382234d', 'half', 'dc360d8a-48a0-41d4-a0b5-206816e7fa3f', '{"id": "1594e4fe-99ef-4847-a48d-5d795382234d", "name": "half", "type": "pv", "plan": "tiny", "site": "bergen", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:2a:b6:55", "bridge": "xenbr0", "address": "10.78.16.1/16", "gateway": "10.78.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}', 'deleting', 2, 1795804573.3346698, 'The host has lost its power. Not all could be undone: start: Host sim3 does not answer. define: Host sim3 does not answer. volume: Host sim3 does not answer.', NULL);


--
-- Data for Name: hosts; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.hosts VALUES ('49e61ed0-0233-4258-a40c-5cb19c1e1194', 'sim1', 'machine-of-sim1', 'sim1', 22, 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBanSmUnbIRBuL8tCXTIuTTqB5Rzwxc3hu3mSYvqNMHX', 'lab');
INSERT INTO public.hosts VALUES ('205bfde5-43c0-4379-913c-0271a7cbeed3', 'sim2', 'machine-of-sim2', 'sim2', 22, 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBanSmUnbIRBuL8tCXTIuTTqB5Rzwxc3hu3mSYvqNMHX', 'lab');
INSERT INTO public.hosts VALUES ('dc360d8a-48a0-41d4-a0b5-206816e7fa3f', 'sim3', 'machine-of-sim3', 'sim3', 22, 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBanSmUnbIRBuL8tCXTIuTTqB5Rzwxc3hu3mSYvqNMHX', 'bergen');


--
-- Data for Name: images; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.images VALUES ('2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2', 'micro', '{"name": "micro", "version": "1", "recipe": "0000000000000000000000000000000000000000000000000000000000000000", "arch": "amd64", "files": {"kernel": {"file": "vmlinuz", "sha256": "4fff0d3e643b3894c17a0738fbdc591953aa722c9d42774425090accc4377126", "size": 8, "raw_size": null}, "initrd": {"file": "initrd.img", "sha256": "d52742203e8e42f16f5bbe48a6e8aa94d9876c5abc0185f12c7f7b9ff94c814d", "size": 9, "raw_size": null}, "root": {"file": "root.img.gz", "sha256": "807a9a85a5685ea3de5c055de8a02a861655cef6db807ce4d73eb724dc87f108", "size": 38, "raw_size": null}}, "cmdline": "root=/dev/xvda", "network": "kernel-ip", "ssh": false, "default_user": null, "min_memory_mib": 64, "min_disk_mib": 16, "ready_port": 80}', 1795804569.9287648, NULL);


--
-- Data for Name: nics; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.nics VALUES ('00:16:3e:3e:d0:1e', 'c16d9722-dfe1-4063-9a4b-7023420b9670', 'lab', '10.77.16.0', 172822528);
INSERT INTO public.nics VALUES ('00:16:3e:43:47:ff', '8116ea86-f9a4-4cf0-80d0-0cfaf616f7e8', 'lab', '10.77.16.1', 172822529);
INSERT INTO public.nics VALUES ('00:16:3e:55:4e:67', '8116ea86-f9a4-4cf0-80d0-0cfaf616f7e8', 'lab', '10.77.16.2', 172822530);
INSERT INTO public.nics VALUES ('00:16:3e:61:f1:fa', '54eb1de6-8b3e-431e-8325-7ba38043f04d', 'bergen', '10.78.16.0', 172888064);
INSERT INTO public.nics VALUES ('00:16:3e:06:e4:93', 'bfd5e32e-81b4-4501-af07-f0638f392712', 'lab', '10.77.16.3', 172822531);
INSERT INTO public.nics VALUES ('00:16:3e:2a:b6:55', '1594e4fe-99ef-4847-a48d-5d795382234d', 'bergen', '10.78.16.1', 172888065);
INSERT INTO public.nics VALUES ('00:16:3e:58:79:41', '78d4f54f-e0b8-4d6e-b472-5b5ac7078267', 'lab', '10.77.16.4', 172822532);


--
-- Data for Name: observations; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.observations VALUES ('49e61ed0-0233-4258-a40c-5cb19c1e1194', 1795804569.3565478, 'c71db3b3-18d4-436f-8e9c-d896166d5f3c', 4003953612, '{"hostname": "sim1", "machine_id": "machine-of-sim1", "xen_version": "4.17.0-simulated", "kernel": "simulated", "cores": 8, "xen_memory_mib": 8192, "free_memory_mib": 7168, "scheduler": "credit2", "guest_types": ["pv", "pvh"], "dom0_memory_mib": 1024, "dom0_maxmem_mib": 1024, "dom0_vcpus": 2, "dom0_weight": 2048, "autoballoon": false, "cgroup2": true, "bridges": ["xenbr0"], "volume_groups": [{"name": "vg0", "size_bytes": 1099511627776, "free_bytes": 1099511627776, "medium": "ssd", "redundancy": "raid10", "problem": "", "extent_bytes": 4194304, "guests_bytes": 0}], "missing_programs": [], "foreign": [], "keeper_beat": 1.0, "dom0_cores": 1, "guest_cores": 7, "agent_version": "7465b3dbfe0b008f", "keeper_version": "7465b3dbfe0b008f", "capabilities": ["jobs", "started", "answers"]}', '{"memory_mib": 7136, "millicores": 7000, "guest_types": ["pv", "pvh"], "pool": "vg0", "medium": "ssd", "redundancy": "raid10", "problem": "", "extent_bytes": 4194304, "disk_bytes": 1099511627776, "unclaimed": {"memory_mib": 0, "millicores": 0, "disk_bytes": 0, "rates": [0, 0, 0, 0]}}', 7136, '[]', false, 'null', NULL);
INSERT INTO public.observations VALUES ('205bfde5-43c0-4379-913c-0271a7cbeed3', 1795804569.58928, '9f912c06-4607-4a4d-9b7a-ad83bb3c95ee', 4205065664, '{"hostname": "sim2", "machine_id": "machine-of-sim2", "xen_version": "4.17.0-simulated", "kernel": "simulated", "cores": 8, "xen_memory_mib": 8192, "free_memory_mib": 7168, "scheduler": "credit2", "guest_types": ["pv", "pvh"], "dom0_memory_mib": 1024, "dom0_maxmem_mib": 1024, "dom0_vcpus": 2, "dom0_weight": 2048, "autoballoon": false, "cgroup2": true, "bridges": ["xenbr0"], "volume_groups": [{"name": "vg0", "size_bytes": 1099511627776, "free_bytes": 1099511627776, "medium": "ssd", "redundancy": "raid10", "problem": "", "extent_bytes": 4194304, "guests_bytes": 0}], "missing_programs": [], "foreign": [], "keeper_beat": 1.0, "dom0_cores": 1, "guest_cores": 7, "agent_version": "7465b3dbfe0b008f", "keeper_version": "7465b3dbfe0b008f", "capabilities": ["jobs", "started", "answers"]}', '{"memory_mib": 7136, "millicores": 7000, "guest_types": ["pv", "pvh"], "pool": "vg0", "medium": "ssd", "redundancy": "raid10", "problem": "", "extent_bytes": 4194304, "disk_bytes": 1099511627776, "unclaimed": {"memory_mib": 0, "millicores": 0, "disk_bytes": 0, "rates": [0, 0, 0, 0]}}', 7136, '[]', false, 'null', NULL);
INSERT INTO public.observations VALUES ('dc360d8a-48a0-41d4-a0b5-206816e7fa3f', 1795804569.767695, 'b640b54f-8d4c-447e-99fb-e4fe63270ece', 4383493890, '{"hostname": "sim3", "machine_id": "machine-of-sim3", "xen_version": "4.17.0-simulated", "kernel": "simulated", "cores": 8, "xen_memory_mib": 8192, "free_memory_mib": 7168, "scheduler": "credit2", "guest_types": ["pv", "pvh"], "dom0_memory_mib": 1024, "dom0_maxmem_mib": 1024, "dom0_vcpus": 2, "dom0_weight": 2048, "autoballoon": false, "cgroup2": true, "bridges": ["xenbr0"], "volume_groups": [{"name": "vg0", "size_bytes": 1099511627776, "free_bytes": 1099511627776, "medium": "ssd", "redundancy": "raid10", "problem": "", "extent_bytes": 4194304, "guests_bytes": 0}], "missing_programs": [], "foreign": [], "keeper_beat": 1.0, "dom0_cores": 1, "guest_cores": 7, "agent_version": "7465b3dbfe0b008f", "keeper_version": "7465b3dbfe0b008f", "capabilities": ["jobs", "started", "answers"]}', '{"memory_mib": 7136, "millicores": 7000, "guest_types": ["pv", "pvh"], "pool": "vg0", "medium": "ssd", "redundancy": "raid10", "problem": "", "extent_bytes": 4194304, "disk_bytes": 1099511627776, "unclaimed": {"memory_mib": 0, "millicores": 0, "disk_bytes": 0, "rates": [0, 0, 0, 0]}}', 7136, '[]', false, 'null', NULL);


--
-- Data for Name: observed_addresses; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: observed_guests; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.observed_guests VALUES ('8116ea86-f9a4-4cf0-80d0-0cfaf616f7e8', '205bfde5-43c0-4379-913c-0271a7cbeed3', '9f912c06-4607-4a4d-9b7a-ad83bb3c95ee', 5732486149, 2, 'running', 1, true, 5.691200122000158, '{"id": "8116ea86-f9a4-4cf0-80d0-0cfaf616f7e8", "fence": 2, "spec": {"id": "8116ea86-f9a4-4cf0-80d0-0cfaf616f7e8", "name": "db", "type": "pv", "plan": "tiny", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}, {"index": 1, "size_bytes": 8388608}, {"index": 2, "size_bytes": 16777216}], "nics": [{"mac": "00:16:3e:43:47:ff", "bridge": "xenbr0", "address": "10.77.16.1/16", "gateway": "10.77.0.1"}, {"mac": "00:16:3e:55:4e:67", "bridge": "xenbr0", "address": "10.77.16.2/16", "gateway": "10.77.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}, "domid": 1, "state": "running", "live": {"memory_mib": 96, "maxmem_mib": 96, "vcpus": 1, "weight": 102, "cap": 0, "read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608, "own_cores": 0}, "volumes": [0, 1, 2], "cpu_time_ns": 0, "disks": [{"index": 0, "pool": "vg0", "size_bytes": 268435456}, {"index": 1, "pool": "vg0", "size_bytes": 8388608}, {"index": 2, "pool": "vg0", "size_bytes": 16777216}], "started": {"id": "8116ea86-f9a4-4cf0-80d0-0cfaf616f7e8", "name": "db", "type": "pv", "plan": "tiny", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}, {"index": 1, "size_bytes": 8388608}, {"index": 2, "size_bytes": 16777216}], "nics": [{"mac": "00:16:3e:43:47:ff", "bridge": "xenbr0", "address": "10.77.16.1/16", "gateway": "10.77.0.1"}, {"mac": "00:16:3e:55:4e:67", "bridge": "xenbr0", "address": "10.77.16.2/16", "gateway": "10.77.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}, "answers": true, "ran_s": 0.04128602699984185, "held": "", "boot": "9f912c06-4607-4a4d-9b7a-ad83bb3c95ee", "uptime_ns": 5732486149}');
INSERT INTO public.observed_guests VALUES ('54eb1de6-8b3e-431e-8325-7ba38043f04d', 'dc360d8a-48a0-41d4-a0b5-206816e7fa3f', 'b640b54f-8d4c-447e-99fb-e4fe63270ece', 6308197023, 3, 'stopped', NULL, NULL, NULL, '{"id": "54eb1de6-8b3e-431e-8325-7ba38043f04d", "fence": 3, "spec": {"id": "54eb1de6-8b3e-431e-8325-7ba38043f04d", "name": "off", "type": "pv", "plan": "tiny", "site": "bergen", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:61:f1:fa", "bridge": "xenbr0", "address": "10.78.16.0/16", "gateway": "10.78.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}, "domid": null, "state": "stopped", "live": null, "volumes": [0], "cpu_time_ns": 0, "disks": [{"index": 0, "pool": "vg0", "size_bytes": 268435456}], "started": null, "answers": null, "ran_s": null, "held": "", "boot": "b640b54f-8d4c-447e-99fb-e4fe63270ece", "uptime_ns": 6308197023}');
INSERT INTO public.observed_guests VALUES ('c16d9722-dfe1-4063-9a4b-7023420b9670', '49e61ed0-0233-4258-a40c-5cb19c1e1194', 'c71db3b3-18d4-436f-8e9c-d896166d5f3c', 9138370122, 3, 'running', 2, true, 9.09475196299971, '{"id": "c16d9722-dfe1-4063-9a4b-7023420b9670", "fence": 3, "spec": {"id": "c16d9722-dfe1-4063-9a4b-7023420b9670", "name": "web", "type": "pv", "plan": "tiny", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:3e:d0:1e", "bridge": "xenbr0", "address": "10.77.16.0/16", "gateway": "10.77.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}, "domid": 2, "state": "running", "live": {"memory_mib": 96, "maxmem_mib": 96, "vcpus": 1, "weight": 102, "cap": 0, "read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608, "own_cores": 0}, "volumes": [0], "cpu_time_ns": 0, "disks": [{"index": 0, "pool": "vg0", "size_bytes": 268435456}], "started": {"id": "c16d9722-dfe1-4063-9a4b-7023420b9670", "name": "web", "type": "pv", "plan": "tiny", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:3e:d0:1e", "bridge": "xenbr0", "address": "10.77.16.0/16", "gateway": "10.77.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}, "answers": true, "ran_s": 0.04361815900028887, "held": "", "boot": "c71db3b3-18d4-436f-8e9c-d896166d5f3c", "uptime_ns": 9138370122}');
INSERT INTO public.observed_guests VALUES ('bfd5e32e-81b4-4501-af07-f0638f392712', '205bfde5-43c0-4379-913c-0271a7cbeed3', '9f912c06-4607-4a4d-9b7a-ad83bb3c95ee', 7299441317, 3, 'running', 3, true, 7.056194657000614, '{"id": "bfd5e32e-81b4-4501-af07-f0638f392712", "fence": 3, "spec": {"id": "bfd5e32e-81b4-4501-af07-f0638f392712", "name": "grown", "type": "pv", "plan": "gold", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 256, "vcpus": 2, "share_cores": 0.5, "ceiling_cores": 2.0, "weight": 256, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:06:e4:93", "bridge": "xenbr0", "address": "10.77.16.3/16", "gateway": "10.77.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}, "domid": 3, "state": "running", "live": {"memory_mib": 96, "maxmem_mib": 96, "vcpus": 1, "weight": 256, "cap": 0, "read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608, "own_cores": 0}, "volumes": [0], "cpu_time_ns": 0, "disks": [{"index": 0, "pool": "vg0", "size_bytes": 268435456}], "started": {"id": "bfd5e32e-81b4-4501-af07-f0638f392712", "name": "grown", "type": "pv", "plan": "tiny", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:06:e4:93", "bridge": "xenbr0", "address": "10.77.16.3/16", "gateway": "10.77.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}, "answers": true, "ran_s": 0.24324665999938588, "held": "", "boot": "9f912c06-4607-4a4d-9b7a-ad83bb3c95ee", "uptime_ns": 7299441317}');


--
-- Data for Name: operations; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.operations VALUES ('637dd169-4448-421c-ab48-ef39100eb401', 'guest_create', 'web', 'c16d9722-dfe1-4063-9a4b-7023420b9670', '49e61ed0-0233-4258-a40c-5cb19c1e1194', '{}', 'done', '[{"name": "reserve", "state": "done", "started": 1795804570.1396964, "ended": 1795804570.3199055}, {"name": "image", "state": "done", "started": 1795804570.3199055, "ended": 1795804570.3872693}, {"name": "volume", "state": "done", "started": 1795804570.3872693, "ended": 1795804570.432141}, {"name": "write", "state": "done", "started": 1795804570.432141, "ended": 1795804570.4718845}, {"name": "define", "state": "done", "started": 1795804570.4718845, "ended": 1795804570.5078452}, {"name": "start", "state": "done", "started": 1795804570.5078452, "ended": 1795804570.5576735}, {"name": "observe", "state": "done", "started": 1795804570.5576735, "ended": 1795804570.6852705}]', 'null', 1795804570.067641, 1795804570.6852705, 'c0dabfa4-19af-4986-87de-2c6e016b5fe2', 2, false);
INSERT INTO public.operations VALUES ('5f7237b6-9607-4ffe-b486-a6d2edc972a9', 'guest_create', 'busy', '78d4f54f-e0b8-4d6e-b472-5b5ac7078267', '49e61ed0-0233-4258-a40c-5cb19c1e1194', '{}', 'running', '[{"name": "reserve", "state": "done", "started": 1795804574.2195532, "ended": 1795804574.2486992}, {"name": "image", "state": "done", "started": 1795804574.2486992, "ended": 1795804574.2694533}, {"name": "volume", "state": "done", "started": 1795804574.2694533, "ended": 1795804574.2880964}, {"name": "write", "state": "done", "started": 1795804574.2880964, "ended": 1795804574.319085}, {"name": "define", "state": "done", "started": 1795804574.319085, "ended": 1795804574.344848}, {"name": "start", "state": "running", "started": 1795804574.344848, "ended": null}]', 'null', 1795804574.1799352, NULL, 'c0dabfa4-19af-4986-87de-2c6e016b5fe2', 2, false);
INSERT INTO public.operations VALUES ('8b0d7d42-d0ea-4940-9b1f-851c34c27e40', 'guest_create', 'db', '8116ea86-f9a4-4cf0-80d0-0cfaf616f7e8', '205bfde5-43c0-4379-913c-0271a7cbeed3', '{}', 'done', '[{"name": "reserve", "state": "done", "started": 1795804570.8609798, "ended": 1795804570.8919268}, {"name": "image", "state": "done", "started": 1795804570.8919268, "ended": 1795804570.9424238}, {"name": "volume", "state": "done", "started": 1795804570.9424238, "ended": 1795804570.9838698}, {"name": "write", "state": "done", "started": 1795804570.9838698, "ended": 1795804571.0225255}, {"name": "define", "state": "done", "started": 1795804571.0225255, "ended": 1795804571.0719755}, {"name": "start", "state": "done", "started": 1795804571.0719755, "ended": 1795804571.1025379}, {"name": "observe", "state": "done", "started": 1795804571.1025379, "ended": 1795804571.17285}]', 'null', 1795804570.8269854, 1795804571.17285, 'c0dabfa4-19af-4986-87de-2c6e016b5fe2', 2, false);
INSERT INTO public.operations VALUES ('5ca11ba3-c9fe-4b51-97e6-b0ea3f7b8c82', 'guest_create', 'grown', 'bfd5e32e-81b4-4501-af07-f0638f392712', '205bfde5-43c0-4379-913c-0271a7cbeed3', '{}', 'done', '[{"name": "reserve", "state": "done", "started": 1795804572.3059509, "ended": 1795804572.3241932}, {"name": "image", "state": "done", "started": 1795804572.3241932, "ended": 1795804572.3499057}, {"name": "volume", "state": "done", "started": 1795804572.3499057, "ended": 1795804572.3757243}, {"name": "write", "state": "done", "started": 1795804572.3757243, "ended": 1795804572.4000556}, {"name": "define", "state": "done", "started": 1795804572.4000556, "ended": 1795804572.4279647}, {"name": "start", "state": "done", "started": 1795804572.4279647, "ended": 1795804572.5249674}, {"name": "observe", "state": "done", "started": 1795804572.5249674, "ended": 1795804572.5657017}]', 'null', 1795804572.2756155, 1795804572.5657017, 'c0dabfa4-19af-4986-87de-2c6e016b5fe2', 2, false);
INSERT INTO public.operations VALUES ('65f99510-19d5-40ff-91b2-a1ce757baf81', 'guest_create', 'off', '54eb1de6-8b3e-431e-8325-7ba38043f04d', 'dc360d8a-48a0-41d4-a0b5-206816e7fa3f', '{}', 'done', '[{"name": "reserve", "state": "done", "started": 1795804571.3806887, "ended": 1795804571.4224901}, {"name": "image", "state": "done", "started": 1795804571.4224901, "ended": 1795804571.456643}, {"name": "volume", "state": "done", "started": 1795804571.456643, "ended": 1795804571.4876342}, {"name": "write", "state": "done", "started": 1795804571.4876342, "ended": 1795804571.5031304}, {"name": "define", "state": "done", "started": 1795804571.5031304, "ended": 1795804571.526877}, {"name": "start", "state": "done", "started": 1795804571.526877, "ended": 1795804571.5503457}, {"name": "observe", "state": "done", "started": 1795804571.5503457, "ended": 1795804571.5990176}]', 'null', 1795804571.333353, 1795804571.5990176, 'c0dabfa4-19af-4986-87de-2c6e016b5fe2', 2, false);
INSERT INTO public.operations VALUES ('82ce388b-d5e9-4315-aa2f-7459364ea797', 'guest_stop', 'off', '54eb1de6-8b3e-431e-8325-7ba38043f04d', 'dc360d8a-48a0-41d4-a0b5-206816e7fa3f', '{"grace_s": 0}', 'done', '[{"name": "stop", "state": "done", "started": 1795804571.6623712, "ended": 1795804571.689082}, {"name": "observe", "state": "done", "started": 1795804571.689082, "ended": 1795804571.7431538}]', 'null', 1795804571.635055, 1795804571.7431538, 'c0dabfa4-19af-4986-87de-2c6e016b5fe2', 3, false);
INSERT INTO public.operations VALUES ('d9d3b8b8-8c37-4245-ba07-58f3f5ae4188', 'guest_delete', 'gone', '45f2dec3-f956-4bac-a566-768dfcd85733', '205bfde5-43c0-4379-913c-0271a7cbeed3', '{}', 'done', '[{"name": "stop", "state": "done", "started": 1795804572.095606, "ended": 1795804572.1103628}, {"name": "volumes", "state": "done", "started": 1795804572.1103628, "ended": 1795804572.132815}, {"name": "undefine", "state": "done", "started": 1795804572.132815, "ended": 1795804572.162099}]', 'null', 1795804572.0778754, 1795804572.162099, 'c0dabfa4-19af-4986-87de-2c6e016b5fe2', 3, false);
INSERT INTO public.operations VALUES ('fd2e2a34-5617-4ba7-8cee-84623e22bb33', 'guest_create', 'never', '19eb7cce-7f17-4de5-8925-bf01d0cbb85c', '49e61ed0-0233-4258-a40c-5cb19c1e1194', '{}', 'failed', '[{"name": "reserve", "state": "done", "started": 1795804572.8789768, "ended": 1795804572.912881}, {"name": "image", "state": "done", "started": 1795804572.912881, "ended": 1795804572.9463518}, {"name": "volume", "state": "done", "started": 1795804572.9463518, "ended": 1795804572.9582906}, {"name": "write", "state": "done", "started": 1795804572.9582906, "ended": 1795804573.0479205}, {"name": "define", "state": "done", "started": 1795804573.0479205, "ended": 1795804573.0906472}, {"name": "start", "state": "failed", "started": 1795804573.0906472, "ended": 1795804573.1081624}, {"name": "undo start", "state": "done", "started": 1795804573.143367, "ended": 1795804573.1828735}, {"name": "undo define", "state": "done", "started": 1795804573.1828735, "ended": 1795804573.1948798}, {"name": "undo volume", "state": "done", "started": 1795804573.1948798, "ended": 1795804573.2226377}]', '{"kind": "host_fault", "code": "host_fault", "message": "The test broke it.", "todo": "Nothing to do."}', 1795804572.8556385, 1795804573.2226377, 'c0dabfa4-19af-4986-87de-2c6e016b5fe2', 2, false);
INSERT INTO public.operations VALUES ('671f0d9f-db4b-47bd-b6ca-c21279aae2c1', 'guest_reboot', 'web', 'c16d9722-dfe1-4063-9a4b-7023420b9670', '49e61ed0-0233-4258-a40c-5cb19c1e1194', '{"grace_s": 0}', 'done', '[{"name": "reboot", "state": "done", "started": 1795804574.4163353, "ended": 1795804574.4716365}, {"name": "observe", "state": "done", "started": 1795804574.4716365, "ended": 1795804574.5947604}]', 'null', 1795804574.367672, 1795804574.5947604, 'c0dabfa4-19af-4986-87de-2c6e016b5fe2', 3, false);
INSERT INTO public.operations VALUES ('36400617-fc40-4aa3-a704-16e7e94ec24a', 'guest_create', 'taken-back', '8e5a5895-9412-4d1e-9770-5e03b3ac21bb', '49e61ed0-0233-4258-a40c-5cb19c1e1194', '{}', 'cancelled', '[]', '{"kind": "conflict", "code": "cancelled", "message": "It was cancelled, and everything that it had done was undone.", "todo": ""}', 1795804574.5208652, 1795804574.7437904, 'c0dabfa4-19af-4986-87de-2c6e016b5fe2', 2, true);
INSERT INTO public.operations VALUES ('0abf9340-2609-4d24-911f-43d559f20190', 'guest_create', 'gone', '45f2dec3-f956-4bac-a566-768dfcd85733', '205bfde5-43c0-4379-913c-0271a7cbeed3', '{}', 'done', '[{"name": "reserve", "state": "done", "started": 1795804571.8872132, "ended": 1795804571.9092593}, {"name": "image", "state": "done", "started": 1795804571.9092593, "ended": 1795804571.9354684}, {"name": "volume", "state": "done", "started": 1795804571.9354684, "ended": 1795804571.9460866}, {"name": "write", "state": "done", "started": 1795804571.9460866, "ended": 1795804571.9671032}, {"name": "define", "state": "done", "started": 1795804571.9671032, "ended": 1795804571.9838455}, {"name": "start", "state": "done", "started": 1795804571.9838455, "ended": 1795804572.0111938}, {"name": "observe", "state": "done", "started": 1795804572.0111938, "ended": 1795804572.0448573}]', 'null', 1795804571.856749, 1795804572.0448573, 'c0dabfa4-19af-4986-87de-2c6e016b5fe2', 2, false);
INSERT INTO public.operations VALUES ('5e740617-1a53-4364-8910-9c2bf210e6a6', 'guest_create', 'half', '1594e4fe-99ef-4847-a48d-5d795382234d', 'dc360d8a-48a0-41d4-a0b5-206816e7fa3f', '{}', 'stuck', '[{"name": "reserve", "state": "done", "started": 1795804573.379144, "ended": 1795804573.3967733}, {"name": "image", "state": "done", "started": 1795804573.3967733, "ended": 1795804573.4276593}, {"name": "volume", "state": "done", "started": 1795804573.4276593, "ended": 1795804573.4488575}, {"name": "write", "state": "done", "started": 1795804573.4488575, "ended": 1795804573.489709}, {"name": "define", "state": "done", "started": 1795804573.489709, "ended": 1795804573.5167744}, {"name": "start", "state": "failed", "started": 1795804573.5167744, "ended": 1795804573.528498}, {"name": "undo start", "state": "failed", "started": 1795804573.7147195, "ended": 1795804573.811946}, {"name": "undo define", "state": "failed", "started": 1795804573.8333607, "ended": 1795804573.9315617}, {"name": "undo volume", "state": "failed", "started": 1795804573.9580626, "ended": 1795804574.0486667}]', '{"kind": "host_fault", "code": "host_fault", "message": "The host has lost its power. Not all could be undone: start: Host sim3 does not answer. define: Host sim3 does not answer. volume: Host sim3 does not answer.", "todo": "See what to do then: teig guest show NAME"}', 1795804573.3528097, 1795804574.0814981, 'c0dabfa4-19af-4986-87de-2c6e016b5fe2', 2, false);
INSERT INTO public.operations VALUES ('853c5dc0-5be7-4ef3-8d84-8fea21c06bdc', 'guest_resize', 'grown', 'bfd5e32e-81b4-4501-af07-f0638f392712', '205bfde5-43c0-4379-913c-0271a7cbeed3', '{"before": {"id": "bfd5e32e-81b4-4501-af07-f0638f392712", "name": "grown", "type": "pv", "plan": "tiny", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:06:e4:93", "bridge": "xenbr0", "address": "10.77.16.3/16", "gateway": "10.77.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}}', 'done', '[{"name": "image", "state": "done", "started": 1795804572.6263046, "ended": 1795804572.6426742}, {"name": "define", "state": "done", "started": 1795804572.6426742, "ended": 1795804572.6686149}, {"name": "observe", "state": "done", "started": 1795804572.6686149, "ended": 1795804572.7428432}]', 'null', 1795804572.6016955, 1795804572.7428432, 'c0dabfa4-19af-4986-87de-2c6e016b5fe2', 3, false);


--
-- Data for Name: plans; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.plans VALUES ('gold', '{"name": "gold", "memory_mib": 256, "vcpus": 2, "share_cores": 0.5, "ceiling_cores": 2.0, "disk_bytes": 67108864, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "pool": {"medium": "any", "redundancy": "any"}, "out_kbit": 50000, "in_kbit": 50000, "addresses": 1, "own_cores": false}');


--
-- Data for Name: pools; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.pools VALUES ('49e61ed0-0233-4258-a40c-5cb19c1e1194', 'vg0', '{"read_iops": 1000000, "write_iops": 1000000, "read_bps": 4096000000, "write_bps": 4096000000}', 'measured', 1795804569.5370522, true);
INSERT INTO public.pools VALUES ('205bfde5-43c0-4379-913c-0271a7cbeed3', 'vg0', '{"read_iops": 1000000, "write_iops": 1000000, "read_bps": 4096000000, "write_bps": 4096000000}', 'measured', 1795804569.7048461, true);
INSERT INTO public.pools VALUES ('dc360d8a-48a0-41d4-a0b5-206816e7fa3f', 'vg0', '{"read_iops": 1000000, "write_iops": 1000000, "read_bps": 4096000000, "write_bps": 4096000000}', 'measured', 1795804569.8780015, true);


--
-- Data for Name: reservations; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.reservations VALUES ('c16d9722-dfe1-4063-9a4b-7023420b9670', '49e61ed0-0233-4258-a40c-5cb19c1e1194', 'vg0', 102, 100, 272629760, 500, 250, 16777216, 8388608);
INSERT INTO public.reservations VALUES ('8116ea86-f9a4-4cf0-80d0-0cfaf616f7e8', '205bfde5-43c0-4379-913c-0271a7cbeed3', 'vg0', 102, 100, 297795584, 500, 250, 16777216, 8388608);
INSERT INTO public.reservations VALUES ('54eb1de6-8b3e-431e-8325-7ba38043f04d', 'dc360d8a-48a0-41d4-a0b5-206816e7fa3f', 'vg0', 102, 100, 272629760, 500, 250, 16777216, 8388608);
INSERT INTO public.reservations VALUES ('bfd5e32e-81b4-4501-af07-f0638f392712', '205bfde5-43c0-4379-913c-0271a7cbeed3', 'vg0', 264, 500, 272629760, 500, 250, 16777216, 8388608);
INSERT INTO public.reservations VALUES ('1594e4fe-99ef-4847-a48d-5d795382234d', 'dc360d8a-48a0-41d4-a0b5-206816e7fa3f', 'vg0', 102, 100, 272629760, 500, 250, 16777216, 8388608);
INSERT INTO public.reservations VALUES ('78d4f54f-e0b8-4d6e-b472-5b5ac7078267', '49e61ed0-0233-4258-a40c-5cb19c1e1194', 'vg0', 102, 100, 272629760, 500, 250, 16777216, 8388608);


--
-- Data for Name: servers; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.servers VALUES ('c0dabfa4-19af-4986-87de-2c6e016b5fe2', 'server1:6724', '4', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBanSmUnbIRBuL8tCXTIuTTqB5Rzwxc3hu3mSYvqNMHX', 2, false);


--
-- Data for Name: sites; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.sites VALUES ('lab', '{"name": "lab", "country": "NO", "operator": "us", "network": "10.77.0.0/16", "gateway": "10.77.0.1", "first_address": "10.77.16.0", "last_address": "10.77.16.9", "bridge": "xenbr0"}', NULL);
INSERT INTO public.sites VALUES ('bergen', '{"name": "bergen", "country": "NO", "operator": "us", "network": "10.78.0.0/16", "gateway": "10.78.0.1", "first_address": "10.78.16.0", "last_address": "10.78.16.9", "bridge": "xenbr0"}', NULL);


--
-- Name: alembic_version alembic_version_pkc; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);


--
-- Name: guests pk_guests; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.guests
    ADD CONSTRAINT pk_guests PRIMARY KEY (id);


--
-- Name: hosts pk_hosts; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.hosts
    ADD CONSTRAINT pk_hosts PRIMARY KEY (id);


--
-- Name: images pk_images; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.images
    ADD CONSTRAINT pk_images PRIMARY KEY (id);


--
-- Name: nics pk_nics; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.nics
    ADD CONSTRAINT pk_nics PRIMARY KEY (mac);


--
-- Name: observations pk_observations; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.observations
    ADD CONSTRAINT pk_observations PRIMARY KEY (host);


--
-- Name: observed_addresses pk_observed_addresses; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.observed_addresses
    ADD CONSTRAINT pk_observed_addresses PRIMARY KEY (host, address);


--
-- Name: observed_guests pk_observed_guests; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.observed_guests
    ADD CONSTRAINT pk_observed_guests PRIMARY KEY (guest, host);


--
-- Name: operations pk_operations; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.operations
    ADD CONSTRAINT pk_operations PRIMARY KEY (id);


--
-- Name: plans pk_plans; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.plans
    ADD CONSTRAINT pk_plans PRIMARY KEY (name);


--
-- Name: pools pk_pools; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.pools
    ADD CONSTRAINT pk_pools PRIMARY KEY (host, name);


--
-- Name: reservations pk_reservations; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.reservations
    ADD CONSTRAINT pk_reservations PRIMARY KEY (guest, host, pool);


--
-- Name: servers pk_servers; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.servers
    ADD CONSTRAINT pk_servers PRIMARY KEY (id);


--
-- Name: sites pk_sites; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sites
    ADD CONSTRAINT pk_sites PRIMARY KEY (name);


--
-- Name: guests uq_guests_name; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.guests
    ADD CONSTRAINT uq_guests_name UNIQUE (name);


--
-- Name: hosts uq_hosts_machine_id; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.hosts
    ADD CONSTRAINT uq_hosts_machine_id UNIQUE (machine_id);


--
-- Name: hosts uq_hosts_name; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.hosts
    ADD CONSTRAINT uq_hosts_name UNIQUE (name);


--
-- Name: nics uq_nics_site_address; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.nics
    ADD CONSTRAINT uq_nics_site_address UNIQUE (site, address);


--
-- Name: ix_guests_host; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_guests_host ON public.guests USING btree (host);


--
-- Name: ix_images_name; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_images_name ON public.images USING btree (name);


--
-- Name: ix_nics_guest; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_nics_guest ON public.nics USING btree (guest);


--
-- Name: ix_nics_site_number; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_nics_site_number ON public.nics USING btree (site, number);


--
-- Name: ix_observations_rank; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_observations_rank ON public.observations USING btree (host, seen_at, silent_since, memory_mib);


--
-- Name: ix_observed_guests_host; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_observed_guests_host ON public.observed_guests USING btree (host);


--
-- Name: ix_operations_created; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_operations_created ON public.operations USING btree (created);


--
-- Name: ix_operations_created_open; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_operations_created_open ON public.operations USING btree (created) WHERE (ended IS NULL);


--
-- Name: ix_operations_host_open; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_operations_host_open ON public.operations USING btree (host) WHERE (ended IS NULL);


--
-- Name: ix_operations_state; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_operations_state ON public.operations USING btree (state);


--
-- Name: ix_reservations_host; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_reservations_host ON public.reservations USING btree (host, memory_mib);


--
-- Name: uq_operations_guest_open; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX uq_operations_guest_open ON public.operations USING btree (guest) WHERE (ended IS NULL);


--
-- Name: guests fk_guests_host; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.guests
    ADD CONSTRAINT fk_guests_host FOREIGN KEY (host) REFERENCES public.hosts(id);


--
-- Name: hosts fk_hosts_site; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.hosts
    ADD CONSTRAINT fk_hosts_site FOREIGN KEY (site) REFERENCES public.sites(name);


--
-- Name: nics fk_nics_guest; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.nics
    ADD CONSTRAINT fk_nics_guest FOREIGN KEY (guest) REFERENCES public.guests(id);


--
-- Name: nics fk_nics_site; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.nics
    ADD CONSTRAINT fk_nics_site FOREIGN KEY (site) REFERENCES public.sites(name);


--
-- Name: observations fk_observations_host; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.observations
    ADD CONSTRAINT fk_observations_host FOREIGN KEY (host) REFERENCES public.hosts(id);


--
-- Name: observed_addresses fk_observed_addresses_host; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.observed_addresses
    ADD CONSTRAINT fk_observed_addresses_host FOREIGN KEY (host) REFERENCES public.hosts(id);


--
-- Name: observed_guests fk_observed_guests_host; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.observed_guests
    ADD CONSTRAINT fk_observed_guests_host FOREIGN KEY (host) REFERENCES public.hosts(id);


--
-- Name: pools fk_pools_host; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.pools
    ADD CONSTRAINT fk_pools_host FOREIGN KEY (host) REFERENCES public.hosts(id);


--
-- Name: reservations fk_reservations_guest; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.reservations
    ADD CONSTRAINT fk_reservations_guest FOREIGN KEY (guest) REFERENCES public.guests(id);


--
-- Name: reservations fk_reservations_host; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.reservations
    ADD CONSTRAINT fk_reservations_host FOREIGN KEY (host) REFERENCES public.hosts(id);


--
-- PostgreSQL database dump complete
--

\unrestrict 5CbgfK8UfOv2Dv4FuufknVJpRKf5aDXReGNrrquq3QD81uWhJLO8afj8BkkEeTE

