#include "daemon/journal_entry.hpp"

#include <atomic>
#include <utility>

#include "daemon/codec.hpp"
#include "daemon/mailbox.hpp"
#include "daemon/spec_store.hpp"

namespace haven::daemon {
namespace {

// The node of this havend counts its own entries from 0: the two never meet within one millisecond.
constexpr std::uint32_t kFirstCount = 900'000;
constexpr std::uint32_t kCounts = 100'000;

}  // namespace

port::Operation journal_entry(const std::string& cluster, JournalRecord record) {
  static std::atomic<std::uint32_t> written{0};
  record.at = read_clocks().wall;
  const std::string path = path::journal(record.at, record.by, kFirstCount + written++ % kCounts);
  return port::Put{codec::Assembler::kRoot + cluster + "/" + path, codec::encode(record), {}};
}

}  // namespace haven::daemon
