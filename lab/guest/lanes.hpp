// The sequence that a guest leaves on its disk, by which an observer sees from outside whether it ever ran twice.
//
// The disk is a ring of lanes, one per boot. Boot n takes lane n % kLanes, writes there which sequence number its
// predecessor had last written when it began, and from then on rewrites only that lane with an ever higher number. No
// clock is compared: if lane n-1 holds a higher number than lane n says it saw, boot n-1 was still writing after
// boot n began. A boot also looks at its neighbours' lanes at each write and notes what it sees in its own. And it
// looks at its own: a number other than it wrote last was written by a copy of itself that a migration left behind, or
// its memory is older than its disk.
#pragma once

#include <cstdint>
#include <string>

namespace lab {

inline constexpr int kLanes = 64;
inline constexpr int kLaneBytes = 4096;  // no host writes less than this directly, so no lane's write touches another

struct Lane {
  std::uint64_t boot = 0;      // 0: never used
  std::string id;              // of the kernel's boot, random
  std::uint64_t before = 0;    // the predecessor's sequence number when this boot began
  std::uint64_t sequence = 0;  // continues the predecessor's
  std::uint64_t overlaps = 0;  // how often another boot, or a copy of this one, was seen to write
};

// Text of one line, padded by zeros to kLaneBytes; an unreadable lane parses as never used.
std::string format(const std::string& guest, const Lane& lane);
Lane parse(const char* bytes);

class Sequence {
 public:
  // Opens the disk and takes the next lane. False: no such disk, or it cannot be read.
  bool open(const char* device, const std::string& guest, const std::string& boot_id);
  // Writes the next number, durably; blocks as long as the disk does.
  bool advance();
  const Lane& lane() const { return own_; }

 private:
  Lane read(std::uint64_t boot) const;
  bool write();

  int fd_ = -1;
  char* buffer_ = nullptr;  // aligned for O_DIRECT
  std::string guest_;
  Lane own_;
  bool written_ = false;  // own_ is what the disk holds
};

}  // namespace lab
