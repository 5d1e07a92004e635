#include "runtime/net/socket.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace nvtee::net {
namespace {

TEST(Address, Parses) {
  struct Case {
    const char *text, *host;
    int port;
  };
  for (const Case& c : {Case{"127.0.0.1:4420", "127.0.0.1", 4420},
                        {"127.0.0.1", "127.0.0.1", 8009},
                        {"[::1]:1", "::1", 1},
                        {"[::1]", "::1", 8009},
                        {"::1", "::1", 8009},
                        {"[2001:DB8:0:0::1]:65535", "2001:db8::1", 65535},
                        {"0.0.0.0:0", "0.0.0.0", 0}}) {
    auto a = parse_address(c.text, 8009);
    ASSERT_TRUE(a) << c.text << ": " << a.error().text();
    EXPECT_EQ(a->host, c.host);
    EXPECT_EQ(a->port, c.port);
    auto again = parse_address(a->text(), 7);
    ASSERT_TRUE(again) << a->text();
    EXPECT_EQ(*again, *a);
  }
}

TEST(Address, RefusesAndNamesWhatIsWrong) {
  struct Case {
    const char *text, *named;
  };
  for (const Case& c : {Case{"", "empty"},
                        {"localhost:1", "localhost"},
                        {"1.2.3.4:", "port"},
                        {"1.2.3.4:65536", "65536"},
                        {"1.2.3.4:-1", "-1"},
                        {"1.2.3.4: 1", "port"},
                        {"1.2.3.4:4x", "4x"},
                        {"[::1", "']'"},
                        {"[::1]x", "x"},
                        {"[1.2.3.4]:5", "1.2.3.4"},
                        {"1.2.3.400", "1.2.3.400"},
                        {":4420", "numeric"},
                        {"::1::", "::1::"}}) {
    auto a = parse_address(c.text, 1);
    ASSERT_FALSE(a) << c.text;
    EXPECT_NE(a.error().text().find(c.named), std::string::npos) << c.text << " -> " << a.error().text();
  }
}

bool wait_for(int fd, short events) {
  pollfd p{fd, events, 0};
  return ::poll(&p, 1, 2000) == 1;
}

bool has_option(int fd, int level, int name) {
  int v = 0;
  socklen_t n = sizeof v;
  return ::getsockopt(fd, level, name, &v, &n) == 0 && v != 0;
}

void exchange(const char* where) {
  auto listener = listen_tcp(*parse_address(where, 0));
  ASSERT_TRUE(listener) << listener.error().text();
  auto address = local_address(listener->get());
  ASSERT_TRUE(address);
  EXPECT_NE(address->port, 0);
  auto nobody = accept_tcp(listener->get());
  ASSERT_TRUE(nobody);
  EXPECT_FALSE(*nobody);
  auto client = connect_tcp(*address);
  ASSERT_TRUE(client) << client.error().text();
  ASSERT_TRUE(wait_for(client->get(), POLLOUT));
  EXPECT_TRUE(connect_result(client->get()));
  ASSERT_TRUE(wait_for(listener->get(), POLLIN));
  auto server = accept_tcp(listener->get());
  ASSERT_TRUE(server && *server);
  for (int fd : {client->get(), server->get()}) {
    EXPECT_TRUE(::fcntl(fd, F_GETFL) & O_NONBLOCK);
    EXPECT_TRUE(::fcntl(fd, F_GETFD) & FD_CLOEXEC);
    EXPECT_TRUE(has_option(fd, IPPROTO_TCP, TCP_NODELAY));
  }
  EXPECT_EQ(*peer_address(client->get()), *address);
  EXPECT_EQ(*peer_address(server->get()), *local_address(client->get()));
  set_user_timeout(client->get(), 1500);
  EXPECT_TRUE(has_option(client->get(), IPPROTO_TCP, TCP_USER_TIMEOUT));
  auto taken = listen_tcp(*address);
  ASSERT_FALSE(taken);
  EXPECT_NE(taken.error().text().find(address->text()), std::string::npos);
}

TEST(Socket, ConnectsOverIpv4) {
  exchange("127.0.0.1:0");
}
TEST(Socket, ConnectsOverIpv6) {
  if (!listen_tcp({"::1", 0})) GTEST_SKIP() << "no IPv6 here";
  exchange("[::1]:0");
}

TEST(Socket, RefusedConnectIsReported) {
  Address nobody;
  {
    auto listener = listen_tcp({"127.0.0.1", 0});
    ASSERT_TRUE(listener);
    nobody = *local_address(listener->get());
  }
  auto fd = connect_tcp(nobody);
  if (!fd) return;  // refused at once
  ASSERT_TRUE(wait_for(fd->get(), POLLOUT));
  auto r = connect_result(fd->get());
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, ECONNREFUSED);
}

TEST(Socket, FdOwns) {
  int raw[2];
  ASSERT_EQ(::pipe(raw), 0);
  Fd a(raw[0]), b(raw[1]);
  Fd c = std::move(a);
  EXPECT_FALSE(a);
  b = std::move(c);
  EXPECT_EQ(b.get(), raw[0]);
  EXPECT_EQ(::fcntl(raw[1], F_GETFD), -1);
  b.reset();
  EXPECT_EQ(::fcntl(raw[0], F_GETFD), -1);
  EXPECT_FALSE(peer_address(-1));
  EXPECT_FALSE(local_address(-1));
  EXPECT_FALSE(accept_tcp(-1));
}

}  // namespace
}  // namespace nvtee::net
