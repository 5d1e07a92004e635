// What systemd is told (sd_notify): datagrams to the socket that $NOTIFY_SOCKET names. Without it: nothing.
#pragma once

#include <string>

namespace nvtee::daemon {

// "READY=1\nSTATUS=...": sent as it is; false when there is no service manager or it does not listen.
bool notify_service_manager(const std::string& state);
}  // namespace nvtee::daemon
