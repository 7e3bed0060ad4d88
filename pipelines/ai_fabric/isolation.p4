// No packet crosses tenants or jobs. What tries is counted by the port it came in by, and by the job it was for.

#ifndef AI_FABRIC_ISOLATION_P4
#define AI_FABRIC_ISOLATION_P4

const bit<2> METER_YELLOW = 1;
const bit<2> METER_RED = 2;

control Isolation(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std_meta,
                  out bool violates) {
    counter(512, CounterType.packets_and_bytes) violations_by_port;
    counter(65536, CounterType.packets_and_bytes) violations_by_job;
    // What a tenant may send into the fabric by this switch. What a meter of its number calls yellow is marked, so that senders that
    // understand marks slow down before they lose anything; what it calls red is refused.
    meter(4096, MeterType.bytes) tenant_limit;
    counter(4096, CounterType.packets_and_bytes) refused_by_limit;   // by tenant
    counter(4096, CounterType.packets_and_bytes) marked_by_limit;
    bool member = false;
    bool is_limited = false;
    bit<16> port_tenant = 0;

    // Which tenant is behind a port; ports to other switches have none.
    action set_tenant(bit<16> tenant) {
        port_tenant = tenant;
    }

    action set_limited_tenant(bit<16> tenant) {
        port_tenant = tenant;
        is_limited = true;
    }

    table tenant_by_port {
        key = { std_meta.ingress_port : exact @name("port"); }
        actions = { set_tenant; set_limited_tenant; NoAction; }
        const default_action = NoAction();
        size = 512;
    }

    action allow() {
        member = true;
    }

    // Who may send to a job.
    table job_member {
        key = {
            meta.job : exact @name("job");
            meta.src : exact @name("src");
        }
        actions = { allow; NoAction; }
        const default_action = NoAction();
        size = 65536;
    }

    apply {
        violates = false;
        // Only where traffic enters the fabric: beyond, it has been looked at.
        if (tenant_by_port.apply().hit) {
            meta.from_host = true;
            if (meta.job != 0) {
                job_member.apply();
                if (port_tenant != meta.tenant || !member) {
                    violates = true;
                    violations_by_port.count((bit<32>) std_meta.ingress_port);
                    violations_by_job.count((bit<32>) meta.job);
                }
            }
            if (is_limited && !violates) {
                bit<2> color;
                tenant_limit.execute_meter((bit<32>) port_tenant, color);
                if (color == METER_RED) {
                    violates = true;
                    refused_by_limit.count((bit<32>) port_tenant);
                } else if (color == METER_YELLOW) {
                    if (hdr.ipv4.isValid() && hdr.ipv4.ecn != ECN_NOT_ECT) {
                        hdr.ipv4.ecn = ECN_CE;
                        marked_by_limit.count((bit<32>) port_tenant);
                    } else if (hdr.ipv6.isValid() && hdr.ipv6.ecn != ECN_NOT_ECT) {
                        hdr.ipv6.ecn = ECN_CE;
                        marked_by_limit.count((bit<32>) port_tenant);
                    }
                }
            }
        }
    }
}

#endif
