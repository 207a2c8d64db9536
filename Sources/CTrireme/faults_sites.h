// Every place at which the shim calls the kernel, by name. A new one goes in here, or the lint of
// Tests/CTriremeTests/shim.mk says so; a test visits each and breaks it.
#ifndef TRM_FAULTS_SITES_H
#define TRM_FAULTS_SITES_H

#define TRM_SITES(SITE)                                                                              \
    /* the ring: uring_setup.c, uring_register.c, uring_enter.c */                                   \
    SITE(ring_setup) SITE(ring_probe) SITE(ring_restrict) SITE(ring_enable) SITE(ring_register_self) \
    SITE(ring_register_files) SITE(ring_update_file) SITE(ring_register_region)                      \
    SITE(ring_buffers_map) SITE(ring_buffers_register) SITE(ring_enter)                              \
    /* operations of the ring: uring_submit.c, uring_receive.c */                                    \
    SITE(ring_write) SITE(ring_read) SITE(ring_fsync) SITE(ring_send) SITE(ring_receive)             \
    SITE(ring_timeout) SITE(ring_poll) SITE(ring_cancel)                                             \
    /* files: files.c */                                                                             \
    SITE(direct_open) SITE(direct_flags) SITE(direct_stat) SITE(zero_map) SITE(zero_open)            \
    SITE(zero_write) SITE(zero_sync) SITE(lock_open) SITE(lock_take) SITE(directory_open)            \
    SITE(directory_sync) SITE(file_sync) SITE(file_read) SITE(file_write) SITE(inspect_open)         \
    SITE(inspect_stat) SITE(inspect_lock) SITE(free_bytes) SITE(memory_file_system)                  \
    SITE(page_open) SITE(page_stat) SITE(page_grow) SITE(page_map)                                   \
    /* sockets and interfaces: net_udp.c, net_interface.c, net_namespace.c */                        \
    SITE(socket) SITE(socket_option) SITE(socket_bind) SITE(socket_join) SITE(socket_interface)      \
    SITE(socket_connect) SITE(socket_receive_granted) SITE(socket_send_granted) SITE(socket_name)    \
    SITE(socket_drops) SITE(interface_list) SITE(interface_socket) SITE(interface_mtu)               \
    SITE(interface_speed)                                                                            \
    SITE(namespace_open) SITE(namespace_enter)                                                       \
    /* the machine: host.c, host_memory.c, host_threads.c, uring_explain.c */                        \
    SITE(event_create) SITE(event_signal) SITE(event_drain) SITE(resident_open) SITE(resident_read)  \
    SITE(region_huge_map) SITE(region_map) SITE(region_populate) SITE(thread_create) SITE(sysctl_open) \
    SITE(sysctl_read)

#define TRM_SITE_NUMBER(name) TRM_SITE_##name,
enum { TRM_SITES(TRM_SITE_NUMBER) TRM_SITE_COUNT };
#undef TRM_SITE_NUMBER

#endif
