#include "runtime/api/session.hpp"

#include <poll.h>

#include <chrono>

namespace nvtee::api {

namespace http = boost::beast::http;
using boost::beast::error_code;

Time now() {
  return static_cast<Time>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                               std::chrono::steady_clock::now().time_since_epoch())
                               .count());
}

Session::Session(Protocol::socket socket, const ServerOptions& options, Owner owner)
    : stream_(std::move(socket)),
      options_(options),
      owner_(std::move(owner)),
      buffer_(options.header_limit + options.body_limit) {}

Session::~Session() {
  if (waiting_ && pending_) owner_.service->cancel(pending_);
}

void Session::close() {
  if (!open_) return;
  open_ = false;
  if (waiting_ && pending_) owner_.service->cancel(pending_);
  waiting_ = false;
  stream_.close();
  owner_.ended(this);
}

void Session::read() {
  parser_.emplace();
  parser_->header_limit(options_.header_limit);
  parser_->body_limit(options_.body_limit);
  stream_.expires_after(std::chrono::nanoseconds(options_.request_timeout));
  http::async_read(stream_, buffer_, *parser_,
                   [self = shared_from_this()](error_code error, std::size_t) { self->on_read(error); });
}

void Session::on_read(error_code error) {
  if (!open_) return;
  if (!error) return handle();
  if (error == http::error::body_limit)
    return write(error_answer("too_large", "the body is larger than 64 KiB"), false);
  if (error == http::error::header_limit)
    return write(error_answer("header_too_large", "the header is larger than 8 KiB"), false);
  const bool malformed = error.category() == http::make_error_code(http::error::bad_method).category();
  if (malformed && error != http::error::end_of_stream && error != http::error::partial_message)
    return write(error_answer("bad_request", "not HTTP/1.1: " + error.message()), false);
  close();  // gone, or too slow
}

void Session::handle() {
  Request request{std::string(parser_->get().method_string()), std::string(parser_->get().target()),
                  std::move(parser_->get().body())};
  keep_alive_ = parser_->get().keep_alive();
  stream_.expires_never();  // the service has the bounds now
  waiting_ = true;
  // The service answers at once or later: both ways come through on_answer(), and only while this session is
  // there.
  pending_ = owner_.service->handle(request, now(), [weak = weak_from_this()](Answer answer) {
    if (const auto self = weak.lock()) self->on_answer(std::move(answer));
  });
  if (!waiting_) return;
  owner_.changed();
  watch_for_hang_up();
}

// A client that goes away during a long poll frees its place.
void Session::watch_for_hang_up() {
  stream_.socket().async_wait(Protocol::socket::wait_read, [self = shared_from_this()](error_code error) {
    if (error || !self->waiting_ || !self->open_) return;
    pollfd p{self->stream_.socket().native_handle(), POLLIN, 0};
    if (::poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR))) self->close();
  });
}

void Session::on_answer(Answer answer) {
  if (!open_ || !waiting_) return;
  waiting_ = false;
  write(std::move(answer), keep_alive_);
}

void Session::write(Answer answer, bool keep_alive) {
  response_.emplace(static_cast<http::status>(answer.status), 11);
  response_->set(http::field::content_type, answer.content_type);
  response_->set(http::field::cache_control, "no-store");
  if (!answer.allow.empty()) response_->set(http::field::allow, answer.allow);
  response_->keep_alive(keep_alive);
  response_->body() = std::move(answer.body);
  response_->prepare_payload();
  stream_.expires_after(std::chrono::nanoseconds(options_.answer_timeout));
  http::async_write(stream_, *response_,
                    [self = shared_from_this(), keep_alive](error_code error, std::size_t) {
                      if (!self->open_) return;
                      if (error || !keep_alive) return self->close();
                      self->read();
                    });
}

}  // namespace nvtee::api
