// Sections 8.17 to 8.19: operations on headers, stacks and unions outside of parsers.

#include <core.p4>
#include <v1model.p4>

header H { bit<32> x; bit<32> y; }
header G { bit<32> x; bit<32> y; }
header_union U { H h; G g; }
H fh(in H h) { return h; }
control c(inout H h, in H i, inout G g, inout bool p, inout U u, in U ui, inout H[2] st) {
    apply {
        h = { 10, 12 }; h = { y = 12, x = 10 };
        p = h == i; p = h == {#}; p = {#} == h;
        p = h == g;
        h = g;
        p = i.isValid(); h.setValid(); h.setInvalid();
        i.setValid();
        i.setInvalid();
        fh(h).setValid();
        p = fh(h).isValid();
        p = u.isValid(); 
        u.setValid();
        u.setInvalid();
        u.h.setValid(); u.h = { 1, 2 }; u.g.setInvalid();
        u = ui; p = u == ui;
        u = { h, g };
        ui.h.setValid();
        st.push_front(1); st.pop_front(1);
        st.push_front(0);
        st.push_front(-1);
        st.push_front(p ? 1 : 2);
        h = st.next;
        h = st.last;
        h.x = st.lastIndex;
        h.x = st.size;
        h.foo();
        p = h < h;
        p = st == st;
    }
}
