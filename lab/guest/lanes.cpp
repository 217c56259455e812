#include "lanes.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace lab {

std::string format(const std::string& guest, const Lane& lane) {
  char line[512];
  std::snprintf(line, sizeof line,
                "haven-lane guest=%s boot=%" PRIu64 " id=%s before=%" PRIu64 " sequence=%" PRIu64 " overlaps=%" PRIu64
                "\n",
                guest.c_str(), lane.boot, lane.id.c_str(), lane.before, lane.sequence, lane.overlaps);
  return line;
}

Lane parse(const char* bytes) {
  Lane lane;
  char guest[128];
  char id[64];
  const int fields = std::sscanf(bytes,
                                 "haven-lane guest=%127s boot=%" SCNu64 " id=%63s before=%" SCNu64 " sequence=%" SCNu64
                                 " overlaps=%" SCNu64,
                                 guest, &lane.boot, id, &lane.before, &lane.sequence, &lane.overlaps);
  if (fields != 6) return {};
  lane.id = id;
  return lane;
}

Lane Sequence::read(std::uint64_t boot) const {
  const off_t offset = static_cast<off_t>(boot % kLanes) * kLaneBytes;
  if (pread(fd_, buffer_, kLaneBytes, offset) != kLaneBytes) return {};
  buffer_[kLaneBytes - 1] = 0;
  return parse(buffer_);
}

bool Sequence::write() {
  const std::string text = format(guest_, own_);
  std::memset(buffer_, 0, kLaneBytes);
  std::memcpy(buffer_, text.data(), text.size());
  const off_t offset = static_cast<off_t>(own_.boot % kLanes) * kLaneBytes;
  written_ = pwrite(fd_, buffer_, kLaneBytes, offset) == kLaneBytes;
  return written_;
}

bool Sequence::open(const char* device, const std::string& guest, const std::string& boot_id) {
  fd_ = ::open(device, O_RDWR | O_DIRECT | O_DSYNC | O_CLOEXEC);
  void* memory = nullptr;
  if (fd_ < 0 || posix_memalign(&memory, kLaneBytes, kLaneBytes) != 0) return false;
  buffer_ = static_cast<char*>(memory);
  guest_ = guest;
  Lane last;
  for (int i = 0; i < kLanes; ++i) {
    const Lane lane = read(i);
    if (lane.boot > last.boot) last = lane;
  }
  own_ = Lane{last.boot + 1, boot_id, last.sequence, last.sequence + 1, 0};
  return write();
}

bool Sequence::advance() {
  if (buffer_ == nullptr) return false;
  const Lane before = read(own_.boot - 1);
  const Lane mine = read(own_.boot);
  const Lane after = read(own_.boot + 1);
  const bool predecessor_writes = before.boot + 1 == own_.boot && before.sequence > own_.before;
  const bool lane_taken = mine.id != own_.id;
  const bool copy_writes = mine.sequence > own_.sequence || (written_ && mine.sequence < own_.sequence);
  const bool successor_began = after.boot == own_.boot + 1;
  if (predecessor_writes || lane_taken || copy_writes || successor_began) ++own_.overlaps;
  ++own_.sequence;
  return write();
}

}  // namespace lab
