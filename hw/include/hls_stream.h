// hls::stream<T> and hls::stream<T, DEPTH> for compilers that are not Vitis: a bounded ring without heap.
//
// As the vendor documents it (UG1399, "HLS Stream Library"): the methods, and a hardware depth of 2 unless
// DEPTH is given. Functions take `hls::stream<T>&` and may be given any depth.
// Ours: the vendor's C model never fills up; here full(), write_nb() and capacity() obey the depth, so that
// back-pressure code runs natively too. `#pragma HLS STREAM depth` is not seen here: use the template
// argument. read() of an empty and write() to a full stream end the program (hardware would wait, a model of
// one thread would wait for ever). One thread; not copied, not moved.
#ifndef NVTEE_HLS_STREAM_H
#define NVTEE_HLS_STREAM_H

#ifdef __VITIS_HLS__
#error "nvtee's stand-in hls_stream.h is not for Vitis: take hw/include off the include path"
#endif

#include <stddef.h>

#include "nvtee_hls/bits.hpp"

#ifdef __HLSC__
// What the translator (hw/hlsc) sees: a stream is a name, and each access one of these calls.
extern "C" {
bool nvtee_hlsc_empty(const void* stream);
bool nvtee_hlsc_full(const void* stream);
void nvtee_hlsc_read(void* stream, void* to);
void nvtee_hlsc_write(void* stream, const void* from);
}
#endif

namespace hls {

template <class T, int DEPTH = 0>
class stream;

#ifdef __HLSC__
template <class T>
class stream<T, 0> {
 public:
  constexpr stream() = default;
  constexpr explicit stream(const char*) {}
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;

  NVTEE_HLS_INLINE bool empty() const { return nvtee_hlsc_empty(this); }
  NVTEE_HLS_INLINE bool full() const { return nvtee_hlsc_full(this); }
  NVTEE_HLS_INLINE void read(T& to) { nvtee_hlsc_read(this, &to); }
  NVTEE_HLS_INLINE T read() {
    T x;
    nvtee_hlsc_read(this, &x);
    return x;
  }
  NVTEE_HLS_INLINE bool read_nb(T& to) {
    if (empty()) return false;
    read(to);
    return true;
  }
  NVTEE_HLS_INLINE void write(const T& x) { nvtee_hlsc_write(this, &x); }
  NVTEE_HLS_INLINE bool write_nb(const T& x) {
    if (full()) return false;
    write(x);
    return true;
  }
  NVTEE_HLS_INLINE void operator>>(T& to) { read(to); }
  NVTEE_HLS_INLINE void operator<<(const T& x) { write(x); }

 private:
  char identity_ = 0;  // streams differ by their addresses
};

template <class T, int DEPTH>
class stream : public stream<T, 0> {
  static_assert(DEPTH > 0 && DEPTH <= (1 << 24), "stream depth");

 public:
  constexpr stream() = default;
  constexpr explicit stream(const char* name) : stream<T, 0>(name) {}
};
#else

// A bounded first-in first-out queue of one reader and one writer in one thread. Functions take
// `hls::stream<T>&` and are given any depth: stream<T, 0> is the base of all and holds 2, as the vendor's
// hardware does by default.
template <class T>
class stream<T, 0> {
 public:
  constexpr stream() : stream(nullptr) {}
  constexpr explicit stream(const char* name) : ring_(own_), mask_(1), depth_(2), name_(name) {}
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;

  NVTEE_HLS_INLINE bool empty() const { return head_ == tail_; }
  NVTEE_HLS_INLINE bool full() const { return tail_ - head_ >= depth_; }
  constexpr size_t size() const { return tail_ - head_; }
  constexpr size_t capacity() const { return depth_; }

  // Reading an empty or writing a full stream is the author's error natively: nothing could ever come.
  NVTEE_HLS_INLINE T read() {
    if (empty()) [[unlikely]]
      nvtee_hls::fail("read of an empty stream", name_);
    return ring_[head_++ & mask_];
  }
  NVTEE_HLS_INLINE void read(T& to) { to = read(); }
  NVTEE_HLS_INLINE bool read_nb(T& to) {
    if (empty()) return false;
    to = ring_[head_++ & mask_];
    return true;
  }
  NVTEE_HLS_INLINE void write(const T& x) {
    if (full()) [[unlikely]]
      nvtee_hls::fail("write to a full stream", name_);
    ring_[tail_++ & mask_] = x;
  }
  NVTEE_HLS_INLINE bool write_nb(const T& x) {
    if (full()) return false;
    ring_[tail_++ & mask_] = x;
    return true;
  }
  NVTEE_HLS_INLINE void operator>>(T& to) { read(to); }
  NVTEE_HLS_INLINE void operator<<(const T& x) { write(x); }

 protected:
  constexpr stream(T* ring, unsigned slots, unsigned depth, const char* name)
      : ring_(ring), mask_(slots - 1), depth_(depth), name_(name) {}

 private:
  T* ring_;
  unsigned mask_, depth_;
  unsigned head_ = 0, tail_ = 0;  // free-running: their difference is the fill
  const char* name_;
  T own_[2]{};
};

namespace detail {
constexpr unsigned slots_for(int depth) {
  unsigned n = 1;
  while (n < static_cast<unsigned>(depth)) n *= 2;
  return n;
}
}  // namespace detail

template <class T, int DEPTH>
class stream : public stream<T, 0> {
  static_assert(DEPTH > 0 && DEPTH <= (1 << 24), "stream depth");

 public:
  constexpr stream() : stream(nullptr) {}
  constexpr explicit stream(const char* name) : stream<T, 0>(slots_, detail::slots_for(DEPTH), DEPTH, name) {}

 private:
  T slots_[detail::slots_for(DEPTH)]{};
};
#endif  // __HLSC__

}  // namespace hls

#endif  // NVTEE_HLS_STREAM_H
