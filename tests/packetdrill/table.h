// The table that a packetdrill binary asks a shared object to fill: one data pointer and 32
// functions, each of which gets the data pointer first. Declared here from the description of that
// interface, so that nothing of packetdrill is needed to build this.
#pragma once
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#include <cstddef>

extern "C" {

struct PacketdrillTable {
  void* userdata;
  void (*free)(void* self);
  int (*socket)(void* self, int domain, int type, int protocol);
  int (*bind)(void* self, int fd, const sockaddr* address, socklen_t length);
  int (*listen)(void* self, int fd, int backlog);
  int (*accept)(void* self, int fd, sockaddr* address, socklen_t* length);
  int (*connect)(void* self, int fd, const sockaddr* address, socklen_t length);
  ssize_t (*read)(void* self, int fd, void* to, size_t length);
  ssize_t (*readv)(void* self, int fd, const iovec* to, int count);
  ssize_t (*recv)(void* self, int fd, void* to, size_t length, int flags);
  ssize_t (*recvfrom)(void* self, int fd, void* to, size_t length, int flags, sockaddr* address,
                      socklen_t* address_length);
  ssize_t (*recvmsg)(void* self, int fd, msghdr* message, int flags);
  ssize_t (*write)(void* self, int fd, const void* from, size_t length);
  ssize_t (*writev)(void* self, int fd, const iovec* from, int count);
  ssize_t (*send)(void* self, int fd, const void* from, size_t length, int flags);
  ssize_t (*sendto)(void* self, int fd, const void* from, size_t length, int flags,
                    const sockaddr* address, socklen_t address_length);
  ssize_t (*sendmsg)(void* self, int fd, const msghdr* message, int flags);
  int (*fcntl)(void* self, int fd, int command, ...);
  int (*ioctl)(void* self, int fd, unsigned long request, ...);
  int (*close)(void* self, int fd);
  int (*shutdown)(void* self, int fd, int how);
  int (*getsockopt)(void* self, int fd, int level, int option, void* value, socklen_t* length);
  int (*setsockopt)(void* self, int fd, int level, int option, const void* value,
                    socklen_t length);
  int (*poll)(void* self, pollfd* fds, nfds_t count, int timeout_ms);
  int (*netdev_send)(void* self, const void* packet, size_t length);
  int (*netdev_receive)(void* self, void* packet, size_t* length, long long* time_us);
  int (*usleep)(void* self, useconds_t us);
  int (*gettimeofday)(void* self, timeval* now, struct timezone* zone);
  int (*epoll_create)(void* self, int size);
  int (*epoll_ctl)(void* self, int epoll, int operation, int fd, epoll_event* event);
  int (*epoll_wait)(void* self, int epoll, epoll_event* events, int count, int timeout_ms);
  int (*pipe)(void* self, int fds[2]);
  int (*splice)(void* self, int from, loff_t* from_offset, int to, loff_t* to_offset,
                size_t length, unsigned flags);
};

// Fills the table; flags as README.md says: "profile=linux,local=192.168.0.1,remote=192.0.2.1".
void packetdrill_interface_init(const char* flags, PacketdrillTable* table);
}
