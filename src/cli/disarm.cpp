// disarm: said to this host's havend program, which knows libvirt; the daemon itself is about to end.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "cli/commands.hpp"

namespace haven::cli {
namespace {

// Beside this program, or where packages put it.
std::string havend_program() {
  std::error_code error;
  const auto here = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  for (const auto& path : {here / "havend", here / "../sbin/havend"})
    if (::access(path.c_str(), X_OK) == 0) return path.string();
  return "/usr/sbin/havend";
}

}  // namespace

int disarm(const Output& output, const DisarmOptions& options) {
  if (!options.yes) {
    if (!input_is_terminal()) return output.fail(trouble(kBadInput, "nobody can be asked", "", "--yes"));
    if (!confirmed("Nothing of this host is watched or restarted by Haven any more. Go on?")) return kNotAsWished;
  }
  const std::string program = havend_program();
  const char* words[] = {program.c_str(), "--disarm", options.restore ? "--restore" : nullptr, nullptr};
  ::execv(program.c_str(), const_cast<char* const*>(words));
  return output.fail(
      trouble(kNotAsWished, program + ": " + std::strerror(errno), "", "havend, installed on this host"));
}

}  // namespace haven::cli
