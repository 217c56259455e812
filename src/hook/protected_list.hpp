// The uuids that the hook refuses while havend does not answer: a file with one of them per line, written by havend.
// There are two, one for this boot and one that survives boots: what stands in either is protected.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace haven::hook {

struct ProtectedList {
  std::vector<std::string> uuids;
  bool exists = false;   // any of the files does
  bool garbled = false;  // a file could not be read, or has a line that is no uuid: it may protect anything
  [[nodiscard]] bool names(const std::string& uuid) const;
};

// Of all these files; one that does not exist protects nothing.
[[nodiscard]] ProtectedList read_protected(const std::vector<std::string>& paths);

// Replaces the file as a whole and durably: a reader, and a host that loses power, see the old list or the new one.
[[nodiscard]] tl::expected<void, std::string> write_protected(const std::string& path,
                                                              const std::vector<std::string>& uuids);

}  // namespace haven::hook
