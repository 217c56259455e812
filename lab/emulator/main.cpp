// Stands in for QEMU in the lab's domains, under QEMU's own name so that everything which looks for QEMU processes
// finds it. A guest's start first takes a slot; anything else (libvirt asking what this QEMU can do) passes through.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "slot.hpp"

namespace {

constexpr const char* kEmulator = "/usr/bin/qemu-system-x86_64";
constexpr const char* kHolder = "haven-lab-slot";  // argv[0] of the process that holds a slot

bool starts_guest(int count, char** words) {
  for (int i = 1; i + 1 < count; ++i) {
    if (std::strcmp(words[i], "-name") == 0 && std::strncmp(words[i + 1], "guest=", 6) == 0) return true;
  }
  return false;
}

// The file of the first disk, as libvirt writes it: -blockdev {"driver":"file","filename":"PATH",...}; or "".
std::string first_disk(int count, char** words) {
  constexpr std::string_view key = "\"filename\":\"";
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    const std::size_t at = word.find(key);
    if (at == std::string_view::npos) continue;
    const std::string_view rest = word.substr(at + key.size());
    return std::string(rest.substr(0, rest.find('"')));
  }
  return "";
}

// A process of its own, belonging to the host's first process, keeps the slot: QEMU is to have no child it does not
// know, and the holder is to have nothing of QEMU's, neither its command line nor libvirt's pipes.
void leave_holder(int slot, pid_t emulator, const std::string& disk) {
  if (const pid_t between = fork(); between != 0) {
    waitpid(between, nullptr, 0);
    return;
  }
  if (fork() != 0) _exit(0);
  if (slot != 3) dup2(slot, 3);
  fcntl(3, F_SETFD, 0);
  close_range(4, ~0U, 0);
  const int null = open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; ++fd) dup2(null, fd);
  setsid();
  const std::string pid = std::to_string(emulator);
  execl("/proc/self/exe", kHolder, pid.c_str(), disk.c_str(), nullptr);
  _exit(127);
}

}  // namespace

int main(int count, char** words) {
  if (std::strcmp(words[0], kHolder) == 0 && count == 3) {
    lab::hold_slot(std::atoi(words[1]), words[2]);
    return 0;
  }
  if (starts_guest(count, words)) {
    const int slot = lab::take_slot();
    if (slot < 0) {
      std::fprintf(stderr, "no slot in %s came free in %d s\n", lab::kSlotFolder, lab::kSlotWaitMs / 1000);
      return 1;
    }
    leave_holder(slot, getpid(), first_disk(count, words));
  }
  words[0] = const_cast<char*>(kEmulator);
  execv(kEmulator, words);
  std::perror(kEmulator);
  return 127;
}
