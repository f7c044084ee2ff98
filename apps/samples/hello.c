/* Hello: attach to the daemon, wait for one datagram on UDP port 7000, answer it, end.
 * The README walks through this file. Build: cc hello.c $(pkg-config --cflags --libs rio) */
#include <rio/rio.h>
#include <stdio.h>
#include <stdlib.h>

static void must(int status, const char* what) {
  if (status >= 0) return;
  fprintf(stderr, "hello: %s: %s (%s)\n", what, rio_last_error(), strerror(-status));
  exit(1);
}

/* Spins until one completion is there: loads only, no system call. */
static rio_result wait_one(rio_cq* cq) {
  rio_result result;
  int n;
  do must(n = rio_dequeue(cq, &result, 1), "dequeue");
  while (n == 0);
  return result;
}

int main(int argc, char** argv) {
  rio_session* session;
  must(rio_open(argc > 1 ? argv[1] : NULL, &session), "open");

  /* Memory, once: pinned, and mapped at the core's address as well. */
  void* memory;
  rio_buffer_id buffer;
  must(rio_map_memory(session, 4096, &memory), "map memory");
  must(rio_register_buffer(session, memory, 4096, &buffer), "register buffer");

  /* One completion queue for both directions, one socket with its request queue. */
  rio_cq* cq;
  rio_socket_t socket;
  rio_rq* rq;
  rio_address address;
  must(rio_create_completion_queue(session, 2, RIO_CORE_DEFAULT, RIO_NOTIFY_NONE, &cq),
       "completion queue");
  must(rio_socket(session, RIO_FAMILY_IPV4, RIO_TYPE_DATAGRAM, RIO_CORE_DEFAULT, &socket),
       "socket");
  must(rio_parse_address("0.0.0.0", 7000, &address), "address");
  must(rio_bind(socket, &address), "bind");
  must(rio_create_request_queue(socket, 1, 1, cq, cq, 0, 0, &rq), "request queue");

  rio_slice slice = {buffer, 0, 4096};
  must(rio_receive(rq, &slice, 0, 0), "receive");
  const rio_result got = wait_one(cq);
  must(got.status, "receive");
  printf("got %u bytes: %.*s\n", got.bytes, (int)got.bytes, (const char*)memory);

  slice.length = got.bytes;
  must(rio_send_ex(rq, &slice, &got.peer, 0, 0), "send");
  must(wait_one(cq).status, "send");
  rio_close(session);
  return 0;
}
