// What a namespace must remember besides its blocks: identity, and reservations that persist through power
// loss. A small file beside the image, replaced as a whole (write, fsync, rename, fsync of the directory).
//
// Format (little-endian): 8 bytes "NVTEETGT", u32 version = 1, u32 length of all bytes including the CRC,
// 16 bytes NGUID, 16 bytes UUID, u64 blocks, u8 block shift, u8 PTPL, u8 reservation type, u8 zero,
// u32 generation, 16 bytes holder, u32 count of registrants, count x (16 bytes host id, u64 key), u32 CRC32C
// of everything before it. With PTPL 0 there are no registrants and no reservation.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"
#include "tools/nvtee-target/reservation.hpp"
#include "tools/nvtee-target/uring.hpp"

namespace nvtee::target {

struct SidecarContents {
  std::array<std::uint8_t, 16> nguid{}, uuid{};
  std::uint64_t blocks = 0;
  std::uint8_t block_shift = 12;
  ReservationState reservation;
};

std::vector<std::byte> encode_sidecar(const SidecarContents& contents);
// Errors say what is wrong with the bytes.
Result<SidecarContents> decode_sidecar(std::span<const std::byte> bytes);

class Sidecar final : private UringTask {
 public:
  // Reads `path`; where there is none, writes `fresh` to it. A damaged file, or one that belongs to another
  // geometry, is refused and left untouched.
  static Result<std::unique_ptr<Sidecar>> open(Uring& uring, std::string path, const SidecarContents& fresh);

  const SidecarContents& contents() const { return contents_; }  // what is durable
  // Makes `reservation` durable, then calls `done`, never inside save(). One at a time.
  void save(const ReservationState& reservation, std::function<void(Status0)> done);
  // The same, blocking: for rare administrative changes. Not while save() is at work.
  Status0 save_now(const ReservationState& reservation);
  bool busy() const { return static_cast<bool>(done_); }
  const std::string& path() const { return path_; }

 private:
  enum class Step : std::uint8_t { kWrite, kSync, kRename, kSyncDirectory };
  Sidecar(Uring& uring, std::string path);
  void fill(io_uring_sqe& sqe) override;
  void on_cqe(int result) override;
  void finish(Status0 result);
  Status0 open_temporary();
  Status0 replace_file(std::span<const std::byte> bytes);

  Uring& uring_;
  std::string path_, temporary_, directory_path_;
  net::Fd directory_, file_;
  SidecarContents contents_, next_;
  std::vector<std::byte> bytes_;
  std::size_t written_ = 0;
  Step step_ = Step::kWrite;
  std::function<void(Status0)> done_;
  std::optional<Error> open_error_;
};

}  // namespace nvtee::target
