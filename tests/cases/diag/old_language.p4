header_type ethernet_t {
    fields {
        dst : 48;
    }
}
