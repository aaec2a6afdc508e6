/// One session of the gateway, both of its peers hostile.
pub fn machine(input: &[u8]) {
    crate::proxy::hostile(input);
}
