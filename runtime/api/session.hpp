// Internal to the API: one client's connection. Lives on the server's thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/rate_policy.hpp>
#include <boost/beast/http.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "runtime/api/server.hpp"

namespace nvtee::api {

Time now();  // CLOCK_MONOTONIC, as the reactors count

class Session : public std::enable_shared_from_this<Session> {
 public:
  using Protocol = boost::asio::local::stream_protocol;

  // `changed` is called when a deadline of the service may have changed; `ended` once.
  struct Owner {
    Service* service;
    std::function<void()> changed;
    std::function<void(Session*)> ended;
  };
  Session(Protocol::socket socket, const ServerOptions& options, Owner owner);
  ~Session();
  void start() { read(); }
  void close();

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
  using Response = boost::beast::http::response<boost::beast::http::string_body>;
  using Stream =
      boost::beast::basic_stream<Protocol, boost::asio::any_io_executor, boost::beast::unlimited_rate_policy>;

  void read();
  void on_read(boost::beast::error_code error);
  void handle();
  void watch_for_hang_up();
  void on_answer(Answer answer);
  void write(Answer answer, bool keep_alive);

  Stream stream_;
  ServerOptions options_;
  Owner owner_;
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  std::optional<Response> response_;
  std::uint64_t pending_ = 0;  // the service's handle
  bool waiting_ = false;       // for the service
  bool keep_alive_ = false;
  bool open_ = true;
};

}  // namespace nvtee::api
