// Stands in for QEMU in the lab's domains, under QEMU's own name so that everything which looks for QEMU processes
// finds it. A guest's start first takes a slot, and its memory is made an odd size; anything else (libvirt asking what
// this QEMU can do) passes through.
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

// Two pages less than libvirt asked for. QEMU before 9.0 loses writes of an emulated guest that is being sent: where
// the size of a block of memory is a multiple of 64 pages, it clears the block's dirty bits and leaves them set in the
// emulated processor's own cache of pages, so that what the guest writes there next is sent no more ("physmem: Fix
// migration dirty bitmap coherency with TCG memory access", QEMU 9.0). Of other sizes it clears them page by page.
bool make_memory_odd(int count, char** words) {
  constexpr std::string_view block = R"({"qom-type":"memory-backend-ram","id":"pc.ram","size":)";
  constexpr long long kTwoPages = 8192;
  static std::string object;
  static std::string memory;
  for (int i = 1; i + 1 < count; ++i) {
    if (std::strcmp(words[i], "-object") != 0 || !std::string_view(words[i + 1]).starts_with(block)) continue;
    const long long size = std::atoll(words[i + 1] + block.size()) - kTwoPages;
    object = std::string(block) + std::to_string(size) + "}";
    words[i + 1] = object.data();
    memory = "size=" + std::to_string(size / 1024) + "k";
  }
  for (int i = 1; i + 1 < count && !memory.empty(); ++i) {
    if (std::strcmp(words[i], "-m") != 0) continue;
    words[i + 1] = memory.data();
    return true;
  }
  return false;
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
    if (!make_memory_odd(count, words)) {
      std::fprintf(stderr, "libvirt describes the guest's memory in words that the lab does not know\n");
      return 1;
    }
  }
  words[0] = const_cast<char*>(kEmulator);
  execv(kEmulator, words);
  std::perror(kEmulator);
  return 127;
}
