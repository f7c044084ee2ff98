/* Sockets: creation, addresses, options, close. Everything is one message to the core. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "session.h"

int rio_socket(rio_session* s, uint32_t family, uint32_t type, uint32_t core, rio_socket_t* out) {
  *out = NULL;
  int status = rio_lock_(s);
  if (status < 0) return status;
  rio_reap_closed_(s, NULL);
  rio_socket_t socket = calloc(1, sizeof *socket);
  rio_control m = {.a = family, .b = type, .c = rio_core_(s, core)};
  status = socket ? rio_call_(s, RIO_CTL_SOCKET, &m, NULL) : rio_fail_(-ENOMEM, "out of memory");
  if (!socket || status < 0) {
    free(socket);
  } else {
    *socket = (struct rio_socket_s){
        .session = s, .next = s->sockets, .id = m.handle, .core = m.c, .type = type};
    s->sockets = socket;
    *out = socket;
  }
  rio_unlock_(s);
  return status;
}

int rio_close_socket(rio_socket_t socket) {
  rio_session* s = socket->session;
  int status = rio_lock_(s);
  if (status < 0) return status;
  rio_control m = {.handle = socket->id};
  status = rio_call_(s, RIO_CTL_SOCKET_CLOSE, &m, NULL);
  if (status == 0) {
    rio_socket_t* at = &s->sockets;
    while (*at != socket) at = &(*at)->next;
    *at = socket->next;
    if (socket->rq) {
      socket->rq->next = s->closed;
      s->closed = socket->rq;
    }
    free(socket);
    rio_reap_closed_(s, NULL);
  }
  rio_unlock_(s);
  return status;
}

/* One message about a socket; the reply comes back in *m. */
static int ask(rio_socket_t socket, uint16_t opcode, rio_control* m) {
  int status = rio_lock_(socket->session);
  if (status < 0) return status;
  m->handle = socket->id;
  status = rio_call_(socket->session, opcode, m, NULL);
  rio_unlock_(socket->session);
  return status;
}

int rio_bind(rio_socket_t socket, const rio_address* address) {
  rio_control m = {.address = *address};
  return ask(socket, RIO_CTL_BIND, &m);
}

int rio_connect(rio_socket_t socket, const rio_address* address) {
  rio_control m = {.address = *address};
  return ask(socket, RIO_CTL_CONNECT, &m);
}

int rio_set_option(rio_socket_t socket, uint32_t option, int64_t value) {
  rio_control m = {.a = option, .size = (uint64_t)value};
  return ask(socket, RIO_CTL_SETSOCKOPT, &m);
}

int rio_get_option(rio_socket_t socket, uint32_t option, int64_t* value) {
  rio_control m = {.a = option};
  const int status = ask(socket, RIO_CTL_GETSOCKOPT, &m);
  if (status == 0) *value = (int64_t)m.size;
  return status;
}

static int ask_address(rio_socket_t socket, uint16_t opcode, rio_address* out) {
  rio_control m = {0};
  const int status = ask(socket, opcode, &m);
  if (status == 0) *out = m.address;
  return status;
}

/* JOIN or LEAVE; the NIC's name stands where a reply has its sentence. */
static int membership(rio_socket_t socket, uint16_t opcode, const rio_address* group,
                      const rio_address* source, const char* nic) {
  rio_control m = {.address = *group};
  if (source && source->family != group->family)
    return rio_fail_(-EINVAL, "group and source are not of one family");
  if (source) {
    memcpy(&m.offset, source->bytes, sizeof m.offset);
    memcpy(&m.size, source->bytes + sizeof m.offset, sizeof m.size);
  }
  const size_t length = nic ? strlen(nic) : 0;
  if (length >= sizeof m.why) return rio_fail_(-ENODEV, "no NIC has such a long name");
  if (length != 0) memcpy(m.why, nic, length);
  return ask(socket, opcode, &m);
}

int rio_join_group(rio_socket_t socket, const rio_address* group, const rio_address* source,
                   const char* nic) {
  return membership(socket, RIO_CTL_JOIN, group, source, nic);
}

int rio_leave_group(rio_socket_t socket, const rio_address* group, const rio_address* source,
                    const char* nic) {
  return membership(socket, RIO_CTL_LEAVE, group, source, nic);
}

int rio_local_address(rio_socket_t socket, rio_address* out) {
  return ask_address(socket, RIO_CTL_GETSOCKNAME, out);
}

int rio_peer_address(rio_socket_t socket, rio_address* out) {
  return ask_address(socket, RIO_CTL_GETPEERNAME, out);
}

int rio_socket_core(rio_socket_t socket) { return (int)socket->core; }
