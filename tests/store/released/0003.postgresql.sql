--
-- PostgreSQL database dump
--

\restrict W4Wvm56o31bBC5Az2etmGFUh8FHNNkdpTUOg0XZmg28qYss4AwdAZMWZyfOdF3X

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
    operation character varying(36),
    created double precision NOT NULL,
    memory_mib integer NOT NULL,
    vcpus integer NOT NULL,
    millicores integer NOT NULL,
    disk_bytes bigint NOT NULL,
    read_iops bigint NOT NULL,
    write_iops bigint NOT NULL,
    read_bps bigint NOT NULL,
    write_bps bigint NOT NULL
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
    site character varying(63) NOT NULL,
    draining boolean NOT NULL,
    facts json NOT NULL,
    facts_at double precision NOT NULL
);


--
-- Name: images; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.images (
    id character varying(64) NOT NULL,
    name character varying(63) NOT NULL,
    manifest json NOT NULL,
    created double precision NOT NULL
);


--
-- Name: nics; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.nics (
    mac character varying(17) NOT NULL,
    guest character varying(36) NOT NULL,
    site character varying(63) NOT NULL,
    address character varying(15) NOT NULL
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
    rated_at double precision NOT NULL
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
    record json NOT NULL
);


--
-- Data for Name: alembic_version; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.alembic_version VALUES ('0003');


--
-- Data for Name: guests; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.guests VALUES ('e7fc0cc1-8eeb-4341-be36-16bc128c6f72', 'db', 'beece98c-e2bc-49fd-b44f-46baa346ed3b', '{"id": "e7fc0cc1-8eeb-4341-be36-16bc128c6f72", "name": "db", "type": "pv", "plan": "tiny", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}, {"index": 1, "size_bytes": 8388608}, {"index": 2, "size_bytes": 16777216}], "nics": [{"mac": "00:16:3e:0b:e5:53", "bridge": "xenbr0", "address": "10.77.16.1/16", "gateway": "10.77.0.1"}, {"mac": "00:16:3e:4a:4f:20", "bridge": "xenbr0", "address": "10.77.16.2/16", "gateway": "10.77.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}', 'running', 2, NULL, 1795605244.900858, 96, 1, 100, 293601280, 500, 250, 16777216, 8388608);
INSERT INTO public.guests VALUES ('320ac485-d75e-4ecf-846f-40c4454d2608', 'half', '2382184f-3f72-4605-897d-70ca22d1cc82', '{"id": "320ac485-d75e-4ecf-846f-40c4454d2608", "name": "half", "type": "pv", "plan": "tiny", "site": "bergen", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:2c:9a:b6", "bridge": "xenbr0", "address": "10.78.16.1/16", "gateway": "10.78.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}', 'deleting', 2, NULL, 1795605245.714126, 96, 1, 100, 268435456, 500, 250, 16777216, 8388608);
INSERT INTO public.guests VALUES ('c6ee8068-9977-40be-9948-decdd8576d1e', 'busy', '66755333-c5ef-4094-a269-43f72ae0e889', '{"id": "c6ee8068-9977-40be-9948-decdd8576d1e", "name": "busy", "type": "pv", "plan": "tiny", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:10:29:ff", "bridge": "xenbr0", "address": "10.77.16.4/16", "gateway": "10.77.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}', 'creating', 2, 'ab1c882e-078f-4ccb-8591-f3199df11b7d', 1795605246.0853512, 96, 1, 100, 268435456, 500, 250, 16777216, 8388608);
INSERT INTO public.guests VALUES ('3cb1ed9b-9bfd-4d82-a7cc-4645c6464766', 'web', '66755333-c5ef-4094-a269-43f72ae0e889', '{"id": "3cb1ed9b-9bfd-4d82-a7cc-4645c6464766", "name": "web", "type": "pv", "plan": "tiny", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:50:a1:4f", "bridge": "xenbr0", "address": "10.77.16.0/16", "gateway": "10.77.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}', 'running', 2, 'bd5f124e-def9-402f-9256-6acd5a35b231', 1795605244.750494, 96, 1, 100, 268435456, 500, 250, 16777216, 8388608);
INSERT INTO public.guests VALUES ('4514a2cc-4ec0-4cdf-91e4-33ca2750f9c7', 'off', '2382184f-3f72-4605-897d-70ca22d1cc82', '{"id": "4514a2cc-4ec0-4cdf-91e4-33ca2750f9c7", "name": "off", "type": "pv", "plan": "tiny", "site": "bergen", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:69:4a:d9", "bridge": "xenbr0", "address": "10.78.16.0/16", "gateway": "10.78.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}', 'stopped', 3, NULL, 1795605245.004116, 96, 1, 100, 268435456, 500, 250, 16777216, 8388608);
INSERT INTO public.guests VALUES ('ddb78268-15ce-4e16-97fa-3da678bf5e5b', 'grown', 'beece98c-e2bc-49fd-b44f-46baa346ed3b', '{"id": "ddb78268-15ce-4e16-97fa-3da678bf5e5b", "name": "grown", "type": "pv", "plan": "gold", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 256, "vcpus": 2, "share_cores": 0.5, "ceiling_cores": 2.0, "weight": 256, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:3a:30:06", "bridge": "xenbr0", "address": "10.77.16.3/16", "gateway": "10.77.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}', 'running', 3, NULL, 1795605245.445926, 256, 2, 500, 268435456, 500, 250, 16777216, 8388608);


--
-- Data for Name: hosts; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.hosts VALUES ('66755333-c5ef-4094-a269-43f72ae0e889', 'sim1', 'machine-of-sim1', 'sim1', 22, 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBanSmUnbIRBuL8tCXTIuTTqB5Rzwxc3hu3mSYvqNMHX', 'lab', false, '{"hostname": "sim1", "machine_id": "machine-of-sim1", "xen_version": "4.17.0-simulated", "kernel": "simulated", "cores": 8, "xen_memory_mib": 8192, "free_memory_mib": 7168, "scheduler": "credit2", "guest_types": ["pv", "pvh"], "dom0_memory_mib": 1024, "dom0_maxmem_mib": 1024, "dom0_vcpus": 2, "dom0_weight": 2048, "autoballoon": false, "cgroup2": true, "bridges": ["xenbr0"], "volume_groups": [{"name": "vg0", "size_bytes": 1099511627776, "free_bytes": 1099511627776, "medium": "ssd", "redundancy": "raid10", "problem": ""}], "missing_programs": [], "foreign": [], "keeper_beat": 1.0}', 1795605244.5904174);
INSERT INTO public.hosts VALUES ('beece98c-e2bc-49fd-b44f-46baa346ed3b', 'sim2', 'machine-of-sim2', 'sim2', 22, 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBanSmUnbIRBuL8tCXTIuTTqB5Rzwxc3hu3mSYvqNMHX', 'lab', false, '{"hostname": "sim2", "machine_id": "machine-of-sim2", "xen_version": "4.17.0-simulated", "kernel": "simulated", "cores": 8, "xen_memory_mib": 8192, "free_memory_mib": 7168, "scheduler": "credit2", "guest_types": ["pv", "pvh"], "dom0_memory_mib": 1024, "dom0_maxmem_mib": 1024, "dom0_vcpus": 2, "dom0_weight": 2048, "autoballoon": false, "cgroup2": true, "bridges": ["xenbr0"], "volume_groups": [{"name": "vg0", "size_bytes": 1099511627776, "free_bytes": 1099511627776, "medium": "ssd", "redundancy": "raid10", "problem": ""}], "missing_programs": [], "foreign": [], "keeper_beat": 1.0}', 1795605244.6397994);
INSERT INTO public.hosts VALUES ('2382184f-3f72-4605-897d-70ca22d1cc82', 'sim3', 'machine-of-sim3', 'sim3', 22, 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBanSmUnbIRBuL8tCXTIuTTqB5Rzwxc3hu3mSYvqNMHX', 'bergen', false, '{"hostname": "sim3", "machine_id": "machine-of-sim3", "xen_version": "4.17.0-simulated", "kernel": "simulated", "cores": 8, "xen_memory_mib": 8192, "free_memory_mib": 7168, "scheduler": "credit2", "guest_types": ["pv", "pvh"], "dom0_memory_mib": 1024, "dom0_maxmem_mib": 1024, "dom0_vcpus": 2, "dom0_weight": 2048, "autoballoon": false, "cgroup2": true, "bridges": ["xenbr0"], "volume_groups": [{"name": "vg0", "size_bytes": 1099511627776, "free_bytes": 1099511627776, "medium": "ssd", "redundancy": "raid10", "problem": ""}], "missing_programs": [], "foreign": [], "keeper_beat": 1.0}', 1795605244.6831832);


--
-- Data for Name: images; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.images VALUES ('2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2', 'micro', '{"name": "micro", "version": "1", "recipe": "0000000000000000000000000000000000000000000000000000000000000000", "arch": "amd64", "files": {"kernel": {"file": "vmlinuz", "sha256": "4fff0d3e643b3894c17a0738fbdc591953aa722c9d42774425090accc4377126", "size": 8, "raw_size": null}, "initrd": {"file": "initrd.img", "sha256": "d52742203e8e42f16f5bbe48a6e8aa94d9876c5abc0185f12c7f7b9ff94c814d", "size": 9, "raw_size": null}, "root": {"file": "root.img.gz", "sha256": "807a9a85a5685ea3de5c055de8a02a861655cef6db807ce4d73eb724dc87f108", "size": 38, "raw_size": null}}, "cmdline": "root=/dev/xvda", "network": "kernel-ip", "ssh": false, "default_user": null, "min_memory_mib": 64, "min_disk_mib": 16, "ready_port": 80}', 1795605244.7244606);


--
-- Data for Name: nics; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.nics VALUES ('00:16:3e:50:a1:4f', '3cb1ed9b-9bfd-4d82-a7cc-4645c6464766', 'lab', '10.77.16.0');
INSERT INTO public.nics VALUES ('00:16:3e:0b:e5:53', 'e7fc0cc1-8eeb-4341-be36-16bc128c6f72', 'lab', '10.77.16.1');
INSERT INTO public.nics VALUES ('00:16:3e:4a:4f:20', 'e7fc0cc1-8eeb-4341-be36-16bc128c6f72', 'lab', '10.77.16.2');
INSERT INTO public.nics VALUES ('00:16:3e:69:4a:d9', '4514a2cc-4ec0-4cdf-91e4-33ca2750f9c7', 'bergen', '10.78.16.0');
INSERT INTO public.nics VALUES ('00:16:3e:3a:30:06', 'ddb78268-15ce-4e16-97fa-3da678bf5e5b', 'lab', '10.77.16.3');
INSERT INTO public.nics VALUES ('00:16:3e:2c:9a:b6', '320ac485-d75e-4ecf-846f-40c4454d2608', 'bergen', '10.78.16.1');
INSERT INTO public.nics VALUES ('00:16:3e:10:29:ff', 'c6ee8068-9977-40be-9948-decdd8576d1e', 'lab', '10.77.16.4');


--
-- Data for Name: operations; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.operations VALUES ('adead066-cfd7-4394-8a36-bbe2f28225e9', 'guest_create', 'web', '3cb1ed9b-9bfd-4d82-a7cc-4645c6464766', '66755333-c5ef-4094-a269-43f72ae0e889', '{}', 'done', '[{"name": "reserve", "state": "done", "started": 1795605244.7951007, "ended": 1795605244.8219705}, {"name": "image", "state": "done", "started": 1795605244.8219705, "ended": 1795605244.8386645}, {"name": "volume", "state": "done", "started": 1795605244.8386645, "ended": 1795605244.8494627}, {"name": "write", "state": "done", "started": 1795605244.8494627, "ended": 1795605244.8564897}, {"name": "define", "state": "done", "started": 1795605244.8564897, "ended": 1795605244.8617945}, {"name": "start", "state": "done", "started": 1795605244.8617945, "ended": 1795605244.8699958}, {"name": "ready", "state": "done", "started": 1795605244.8699958, "ended": 1795605244.8789957}]', 'null', 1795605244.7504778, 1795605244.8789957, '93e90740-747c-42e9-b712-84ba50050adf', 2, false);
INSERT INTO public.operations VALUES ('b3957caa-cc9d-4d28-b4f9-cb91eb3d20a7', 'guest_create', 'db', 'e7fc0cc1-8eeb-4341-be36-16bc128c6f72', 'beece98c-e2bc-49fd-b44f-46baa346ed3b', '{}', 'done', '[{"name": "reserve", "state": "done", "started": 1795605244.9213564, "ended": 1795605244.928778}, {"name": "image", "state": "done", "started": 1795605244.928778, "ended": 1795605244.9365323}, {"name": "volume", "state": "done", "started": 1795605244.9365323, "ended": 1795605244.9497604}, {"name": "write", "state": "done", "started": 1795605244.9497604, "ended": 1795605244.957891}, {"name": "define", "state": "done", "started": 1795605244.957891, "ended": 1795605244.9628968}, {"name": "start", "state": "done", "started": 1795605244.9628968, "ended": 1795605244.9703767}, {"name": "ready", "state": "done", "started": 1795605244.9703767, "ended": 1795605244.9813268}]', 'null', 1795605244.9008358, 1795605244.9813268, '93e90740-747c-42e9-b712-84ba50050adf', 2, false);
INSERT INTO public.operations VALUES ('af8e5853-8a92-44c4-8571-90f82bdd3093', 'guest_create', 'off', '4514a2cc-4ec0-4cdf-91e4-33ca2750f9c7', '2382184f-3f72-4605-897d-70ca22d1cc82', '{}', 'done', '[{"name": "reserve", "state": "done", "started": 1795605245.0214412, "ended": 1795605245.0358624}, {"name": "image", "state": "done", "started": 1795605245.0358624, "ended": 1795605245.0518117}, {"name": "volume", "state": "done", "started": 1795605245.0518117, "ended": 1795605245.0645785}, {"name": "write", "state": "done", "started": 1795605245.0645785, "ended": 1795605245.080394}, {"name": "define", "state": "done", "started": 1795605245.080394, "ended": 1795605245.0886853}, {"name": "start", "state": "done", "started": 1795605245.0886853, "ended": 1795605245.0992334}, {"name": "ready", "state": "done", "started": 1795605245.0992334, "ended": 1795605245.1188035}]', 'null', 1795605245.0041032, 1795605245.1188035, '93e90740-747c-42e9-b712-84ba50050adf', 2, false);
INSERT INTO public.operations VALUES ('b2a4422e-deed-4d24-ae9c-7c0781d24c1b', 'guest_create', 'grown', 'ddb78268-15ce-4e16-97fa-3da678bf5e5b', 'beece98c-e2bc-49fd-b44f-46baa346ed3b', '{}', 'done', '[{"name": "reserve", "state": "done", "started": 1795605245.4603596, "ended": 1795605245.4651432}, {"name": "image", "state": "done", "started": 1795605245.4651432, "ended": 1795605245.4697356}, {"name": "volume", "state": "done", "started": 1795605245.4697356, "ended": 1795605245.4742293}, {"name": "write", "state": "done", "started": 1795605245.4742293, "ended": 1795605245.4782274}, {"name": "define", "state": "done", "started": 1795605245.4782274, "ended": 1795605245.4923284}, {"name": "start", "state": "done", "started": 1795605245.4923284, "ended": 1795605245.4973176}, {"name": "ready", "state": "done", "started": 1795605245.4973176, "ended": 1795605245.503732}]', 'null', 1795605245.4459133, 1795605245.503732, '93e90740-747c-42e9-b712-84ba50050adf', 2, false);
INSERT INTO public.operations VALUES ('aebc6f2f-1f42-403b-b9a9-dc535bfa7731', 'guest_stop', 'off', '4514a2cc-4ec0-4cdf-91e4-33ca2750f9c7', '2382184f-3f72-4605-897d-70ca22d1cc82', '{"grace_s": 0}', 'done', '[{"name": "stop", "state": "done", "started": 1795605245.1541195, "ended": 1795605245.1679354}]', 'null', 1795605245.135436, 1795605245.1679354, '93e90740-747c-42e9-b712-84ba50050adf', 3, false);
INSERT INTO public.operations VALUES ('204ad259-6388-460b-b58f-af1f4d99b995', 'guest_resize', 'grown', 'ddb78268-15ce-4e16-97fa-3da678bf5e5b', 'beece98c-e2bc-49fd-b44f-46baa346ed3b', '{"before": {"id": "ddb78268-15ce-4e16-97fa-3da678bf5e5b", "name": "grown", "type": "pv", "plan": "tiny", "site": "lab", "image": "2956b6f7a71cf48878770503d0132603d301fd71916425be39b6ae8aad5ccad2", "memory_mib": 96, "vcpus": 1, "share_cores": 0.1, "ceiling_cores": 1.0, "weight": 102, "cap": 0, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "out_kbit": 50000, "in_kbit": 50000, "disks": [{"index": 0, "size_bytes": 268435456}], "nics": [{"mac": "00:16:3e:3a:30:06", "bridge": "xenbr0", "address": "10.77.16.3/16", "gateway": "10.77.0.1"}], "ssh_keys": [], "on_crash": "restart", "own_cores": false}}', 'done', '[{"name": "define", "state": "done", "started": 1795605245.546769, "ended": 1795605245.553071}]', 'null', 1795605245.5323634, 1795605245.553071, '93e90740-747c-42e9-b712-84ba50050adf', 3, false);
INSERT INTO public.operations VALUES ('7046565d-c97c-4473-b019-2fd77af8dc7a', 'guest_delete', 'gone', '2ce2f6dc-73e5-425c-9669-3a780c8fe6e7', 'beece98c-e2bc-49fd-b44f-46baa346ed3b', '{}', 'done', '[{"name": "stop", "state": "done", "started": 1795605245.3719141, "ended": 1795605245.386145}, {"name": "volumes", "state": "done", "started": 1795605245.386145, "ended": 1795605245.4088817}, {"name": "undefine", "state": "done", "started": 1795605245.4088817, "ended": 1795605245.4150217}]', 'null', 1795605245.3573613, 1795605245.4150217, '93e90740-747c-42e9-b712-84ba50050adf', 3, false);
INSERT INTO public.operations VALUES ('094b5c9d-a669-4de2-808e-12786704bae7', 'guest_create', 'gone', '2ce2f6dc-73e5-425c-9669-3a780c8fe6e7', 'beece98c-e2bc-49fd-b44f-46baa346ed3b', '{}', 'done', '[{"name": "reserve", "state": "done", "started": 1795605245.2279851, "ended": 1795605245.2318697}, {"name": "image", "state": "done", "started": 1795605245.2318697, "ended": 1795605245.2927494}, {"name": "volume", "state": "done", "started": 1795605245.2927494, "ended": 1795605245.306322}, {"name": "write", "state": "done", "started": 1795605245.306322, "ended": 1795605245.3155649}, {"name": "define", "state": "done", "started": 1795605245.3155649, "ended": 1795605245.321138}, {"name": "start", "state": "done", "started": 1795605245.321138, "ended": 1795605245.3310237}, {"name": "ready", "state": "done", "started": 1795605245.3310237, "ended": 1795605245.3456724}]', 'null', 1795605245.2058542, 1795605245.3456724, '93e90740-747c-42e9-b712-84ba50050adf', 2, false);
INSERT INTO public.operations VALUES ('35ab2ae8-536c-4c34-950f-1f8256110281', 'guest_create', 'never', '1e9def84-a2ee-4c8a-bc80-4ad8bfd488ad', '66755333-c5ef-4094-a269-43f72ae0e889', '{}', 'failed', '[{"name": "reserve", "state": "done", "started": 1795605245.6010237, "ended": 1795605245.607277}, {"name": "image", "state": "done", "started": 1795605245.607277, "ended": 1795605245.6178374}, {"name": "volume", "state": "done", "started": 1795605245.6178374, "ended": 1795605245.6277823}, {"name": "write", "state": "done", "started": 1795605245.6277823, "ended": 1795605245.632073}, {"name": "define", "state": "done", "started": 1795605245.632073, "ended": 1795605245.64286}, {"name": "start", "state": "failed", "started": 1795605245.64286, "ended": 1795605245.6448436}, {"name": "undo start", "state": "done", "started": 1795605245.65853, "ended": 1795605245.6657717}, {"name": "undo define", "state": "done", "started": 1795605245.6657717, "ended": 1795605245.6739042}, {"name": "undo volume", "state": "done", "started": 1795605245.6739042, "ended": 1795605245.6859334}]', '{"kind": "host_fault", "code": "host_fault", "message": "The test broke it.", "todo": "Nothing to do."}', 1795605245.5779812, 1795605245.6859334, '93e90740-747c-42e9-b712-84ba50050adf', 2, false);
INSERT INTO public.operations VALUES ('1d10d721-bfcb-4f2b-b3c1-01d9c93d891a', 'guest_create', 'half', '320ac485-d75e-4ecf-846f-40c4454d2608', '2382184f-3f72-4605-897d-70ca22d1cc82', '{}', 'stuck', '[{"name": "reserve", "state": "done", "started": 1795605245.7250237, "ended": 1795605245.73582}, {"name": "image", "state": "done", "started": 1795605245.73582, "ended": 1795605245.7494645}, {"name": "volume", "state": "done", "started": 1795605245.7494645, "ended": 1795605245.7544038}, {"name": "write", "state": "done", "started": 1795605245.7544038, "ended": 1795605245.7582011}, {"name": "define", "state": "done", "started": 1795605245.7582011, "ended": 1795605245.7624683}, {"name": "start", "state": "failed", "started": 1795605245.7624683, "ended": 1795605245.7642481}, {"name": "undo start", "state": "failed", "started": 1795605245.7757857, "ended": 1795605245.8558974}, {"name": "undo define", "state": "failed", "started": 1795605245.871153, "ended": 1795605245.9486833}, {"name": "undo volume", "state": "failed", "started": 1795605245.958842, "ended": 1795605246.0320413}]', '{"kind": "host_fault", "code": "host_fault", "message": "The host has lost its power. Not all could be undone: start: Host sim3 does not answer. define: Host sim3 does not answer. volume: Host sim3 does not answer.", "todo": "Then remove what is left: teig guest delete NAME"}', 1795605245.7141159, 1795605246.0429263, '93e90740-747c-42e9-b712-84ba50050adf', 2, false);
INSERT INTO public.operations VALUES ('ab1c882e-078f-4ccb-8591-f3199df11b7d', 'guest_create', 'busy', 'c6ee8068-9977-40be-9948-decdd8576d1e', '66755333-c5ef-4094-a269-43f72ae0e889', '{}', 'running', '[{"name": "reserve", "state": "done", "started": 1795605246.1011124, "ended": 1795605246.1116183}, {"name": "image", "state": "done", "started": 1795605246.1116183, "ended": 1795605246.1224916}, {"name": "volume", "state": "done", "started": 1795605246.1224916, "ended": 1795605246.1358924}, {"name": "write", "state": "done", "started": 1795605246.1358924, "ended": 1795605246.143141}, {"name": "define", "state": "done", "started": 1795605246.143141, "ended": 1795605246.156775}, {"name": "start", "state": "running", "started": 1795605246.156775, "ended": null}]', 'null', 1795605246.0853374, NULL, '93e90740-747c-42e9-b712-84ba50050adf', 2, false);
INSERT INTO public.operations VALUES ('bd5f124e-def9-402f-9256-6acd5a35b231', 'guest_reboot', 'web', '3cb1ed9b-9bfd-4d82-a7cc-4645c6464766', '66755333-c5ef-4094-a269-43f72ae0e889', '{"grace_s": 0}', 'queued', '[]', 'null', 1795605246.1718254, NULL, NULL, 0, false);
INSERT INTO public.operations VALUES ('477cd8e3-059a-4b06-ace5-7b4c8c684641', 'guest_create', 'taken-back', '6025443a-6904-4559-bbfd-4ae63603b330', '66755333-c5ef-4094-a269-43f72ae0e889', '{}', 'cancelled', '[]', '{"kind": "conflict", "code": "cancelled", "message": "It was cancelled, and everything that it had done was undone.", "todo": ""}', 1795605246.193981, 1795605246.2106087, NULL, 0, true);


--
-- Data for Name: plans; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.plans VALUES ('gold', '{"name": "gold", "memory_mib": 256, "vcpus": 2, "share_cores": 0.5, "ceiling_cores": 2.0, "disk_bytes": 67108864, "disk_rate": {"read_iops": 500, "write_iops": 250, "read_bps": 16777216, "write_bps": 8388608}, "pool": {"medium": "any", "redundancy": "any"}, "out_kbit": 50000, "in_kbit": 50000, "addresses": 1, "own_cores": false}');


--
-- Data for Name: pools; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.pools VALUES ('66755333-c5ef-4094-a269-43f72ae0e889', 'vg0', '{"read_iops": 1000000, "write_iops": 1000000, "read_bps": 4096000000, "write_bps": 4096000000}', 'measured', 1795605244.6169016);
INSERT INTO public.pools VALUES ('beece98c-e2bc-49fd-b44f-46baa346ed3b', 'vg0', '{"read_iops": 1000000, "write_iops": 1000000, "read_bps": 4096000000, "write_bps": 4096000000}', 'measured', 1795605244.654296);
INSERT INTO public.pools VALUES ('2382184f-3f72-4605-897d-70ca22d1cc82', 'vg0', '{"read_iops": 1000000, "write_iops": 1000000, "read_bps": 4096000000, "write_bps": 4096000000}', 'measured', 1795605244.7062337);


--
-- Data for Name: servers; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.servers VALUES ('93e90740-747c-42e9-b712-84ba50050adf', 'server1:3598', '2', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBanSmUnbIRBuL8tCXTIuTTqB5Rzwxc3hu3mSYvqNMHX', 0, false);


--
-- Data for Name: sites; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.sites VALUES ('lab', '{"name": "lab", "country": "NO", "operator": "us", "network": "10.77.0.0/16", "gateway": "10.77.0.1", "first_address": "10.77.16.0", "last_address": "10.77.16.9", "bridge": "xenbr0"}');
INSERT INTO public.sites VALUES ('bergen', '{"name": "bergen", "country": "NO", "operator": "us", "network": "10.78.0.0/16", "gateway": "10.78.0.1", "first_address": "10.78.16.0", "last_address": "10.78.16.9", "bridge": "xenbr0"}');


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
-- Name: ix_operations_created; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_operations_created ON public.operations USING btree (created);


--
-- Name: ix_operations_state; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_operations_state ON public.operations USING btree (state);


--
-- Name: uq_operations_host_worked_on; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX uq_operations_host_worked_on ON public.operations USING btree (host) WHERE ((server IS NOT NULL) AND (ended IS NULL));


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
-- Name: pools fk_pools_host; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.pools
    ADD CONSTRAINT fk_pools_host FOREIGN KEY (host) REFERENCES public.hosts(id);


--
-- PostgreSQL database dump complete
--

\unrestrict W4Wvm56o31bBC5Az2etmGFUh8FHNNkdpTUOg0XZmg28qYss4AwdAZMWZyfOdF3X

