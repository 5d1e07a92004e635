#include "runtime/nvmf/front/subsystem_server.hpp"

#include <utility>

#include "runtime/base/check.hpp"
#include "runtime/nvmf/front/server.hpp"

namespace nvtee::nvmf {

struct SubsystemServer::Impl {
  Impl(net::Reactor& reactor, SubsystemModel model, IoBackend* backend)
      : server(reactor, ControllerKind::kIo, std::move(model), backend, {}) {}
  Server server;
  std::shared_ptr<Handle> handle = std::make_shared<Handle>();
};

SubsystemServer::SubsystemServer(net::Reactor& reactor, SubsystemModel model, IoBackend* backend) {
  NVTEE_CHECK(backend, "a subsystem with namespaces has a backend");
  impl_ = std::make_unique<Impl>(reactor, std::move(model), backend);
  impl_->handle->server = this;
}

SubsystemServer::~SubsystemServer() {
  impl_->handle->server = nullptr;
}

void SubsystemServer::connect(std::unique_ptr<ControllerConnection> connection, const Sqe& sqe,
                              std::span<const std::byte, 1024> data, std::shared_ptr<void> token) {
  impl_->server.connect(std::move(connection), sqe, data, std::move(token));
}

SubsystemModel& SubsystemServer::model() {
  return impl_->server.own_model();
}
const SubsystemModel& SubsystemServer::model() const {
  return impl_->server.own_model();
}
void SubsystemServer::namespaces_changed(std::uint32_t nsid) {
  impl_->server.namespaces_changed(nsid);
}
void SubsystemServer::ana_changed() {
  impl_->server.ana_changed();
}
void SubsystemServer::hosts_changed() {
  impl_->server.hosts_changed();
}
void SubsystemServer::record_error(std::uint16_t cntlid, const ErrorRecord& record) {
  impl_->server.record_error(cntlid, record);
}
void SubsystemServer::raise_event(const std::function<bool(const ControllerInfo&)>& to, std::uint8_t type,
                                  std::uint8_t info, std::uint8_t log_page) {
  impl_->server.raise_event(to, {type, info, log_page});
}
void SubsystemServer::close_all(const std::string& why) {
  impl_->server.close_all(why);
}
void SubsystemServer::close_controller(std::uint16_t cntlid, const std::string& why) {
  impl_->server.close_controller(cntlid, why);
}
std::vector<SubsystemServer::ControllerStatus> SubsystemServer::controllers() const {
  return impl_->server.status();
}
net::Reactor& SubsystemServer::reactor() {
  return impl_->server.reactor();
}
std::shared_ptr<SubsystemServer::Handle> SubsystemServer::handle() const {
  return impl_->handle;
}

}  // namespace nvtee::nvmf
