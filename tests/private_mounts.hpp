// For tests in a mount namespace of their own: no mount of theirs is to reach the machine.
#pragma once

#include <sys/mount.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace haven::test {

enum class Root { mount_point, folder, unknown };

// Where / is no mount point (a chroot) each mount is told alone; one hidden below another is out of our reach, and
// nothing is mounted there. `unknown`: they are as they were.
inline Root make_mounts_private() {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0) return Root::mount_point;
  std::ifstream mounts("/proc/self/mountinfo");
  std::vector<std::string> points;
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string word;
    for (int i = 0; i < 5; ++i) words >> word;
    points.push_back(word);
  }
  for (const auto& point : points) ::mount(nullptr, point.c_str(), nullptr, MS_REC | MS_PRIVATE, nullptr);
  return points.empty() ? Root::unknown : Root::folder;
}

}  // namespace haven::test
