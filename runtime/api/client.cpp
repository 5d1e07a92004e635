#include "runtime/api/client.hpp"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/rate_policy.hpp>
#include <boost/beast/http.hpp>
#include <cerrno>
#include <chrono>

#include "runtime/api/unix_socket.hpp"
#include "runtime/base/limits.hpp"

namespace nvtee::api {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::beast::error_code;

namespace {

using Protocol = asio::local::stream_protocol;
using Stream =
    boost::beast::basic_stream<Protocol, asio::any_io_executor, boost::beast::unlimited_rate_policy>;
constexpr std::uint64_t kLargestAnswer = limits::kApiAnswer;

ClientError no_connection(const std::string& path, const Error& e) {
  const std::string start =
      "start it (nvteed --config FILE), or name its socket with --socket PATH or NVTEE_SOCKET";
  switch (e.code) {
    case ENOENT:
      return {Unreached::kNoDaemon,
              {fmt::format("no daemon at {}: there is no such socket", path), start, e.code}};
    case ECONNREFUSED:
      return {Unreached::kNoDaemon,
              {fmt::format("no daemon at {}: the socket is left over, nobody answers", path), start, e.code}};
    case EACCES:
    case EPERM:
      return {Unreached::kNoPermission,
              {fmt::format("no permission to use {}", path), "run as the daemon's user (root, or with sudo)",
               e.code}};
    case EAGAIN:
      return {Unreached::kTimeout,
              {fmt::format("the daemon at {} does not take connections", path),
               "it may hang or be stopped: look at its process and log", e.code}};
    default:
      return {Unreached::kNoDaemon, {e.what, e.remedy.empty() ? start : e.remedy, e.code}};
  }
}

ClientError broken(const std::string& path, error_code error) {
  if (error == boost::beast::error::timeout)
    return {Unreached::kTimeout,
            {fmt::format("the daemon at {} did not answer in time", path),
             "it may hang or be stopped: look at its process and log", ETIMEDOUT}};
  return {Unreached::kBroken,
          {fmt::format("the connection to the daemon at {} broke: {}", path, error.message()),
           "see whether the daemon still runs; look at its log", error.value()}};
}

// One exchange; the reader goes on even when the writer failed: the daemon may have said why it closed.
struct Exchange {
  Stream& stream;
  http::request<http::string_body> request;
  boost::beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  error_code result;

  void run(asio::io_context& io, Duration timeout) {
    parser.body_limit(kLargestAnswer);
    stream.expires_after(std::chrono::nanoseconds(timeout));
    http::async_write(stream, request, [this](error_code, std::size_t) {
      http::async_read_header(stream, buffer, parser,
                              [this](error_code error, std::size_t) { head_in(error); });
    });
    io.run();
  }
  // The parser's own limit does not hold for a length that the header announces (Boost 1.74).
  void head_in(error_code error) {
    if (!error && parser.content_length().value_or(0) > kLargestAnswer) error = http::error::body_limit;
    result = error;
    if (error) return;
    http::async_read(stream, buffer, parser, [this](error_code e, std::size_t) { result = e; });
  }
};

}  // namespace

Error ApiAnswer::error() const {
  if (json.is_object() && json.contains("error") && json["error"].is_string())
    return {json["error"].get<std::string>(), json.value("remedy", std::string()), static_cast<int>(status)};
  return {fmt::format("the daemon answered HTTP {}", status), "is this the socket of nvteed?",
          static_cast<int>(status)};
}

std::expected<ApiAnswer, ClientError> Client::call(const std::string& method, const std::string& target,
                                                   const Json& body, Duration timeout) const {
  auto fd = connect_unix(path_, timeout);
  if (!fd) return std::unexpected(no_connection(path_, fd.error()));
  asio::io_context io(1);
  Stream stream(Protocol::socket(io, Protocol(), fd->release()));
  Exchange exchange{stream, {}, {}, {}, {}};
  exchange.request.method_string(method);
  exchange.request.target(target);
  exchange.request.set(http::field::host, "localhost");
  exchange.request.keep_alive(false);
  if (!body.is_null()) {
    exchange.request.set(http::field::content_type, "application/json");
    exchange.request.body() = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  exchange.request.prepare_payload();
  exchange.run(io, timeout);
  if (exchange.result) return std::unexpected(broken(path_, exchange.result));
  ApiAnswer answer;
  answer.status = exchange.parser.get().result_int();
  answer.body = std::move(exchange.parser.get().body());
  answer.json = Json::parse(answer.body, nullptr, false);
  if (answer.json.is_discarded()) answer.json = nullptr;
  return answer;
}

}  // namespace nvtee::api
