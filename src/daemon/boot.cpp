#include "daemon/boot.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>

#include "daemon/names.hpp"

namespace haven::daemon {
namespace {

namespace fs = std::filesystem;

tl::unexpected<std::string> why(const std::string& path) { return tl::unexpected(path + ": " + std::strerror(errno)); }

adapter::Descriptor opened(const std::string& path, int flags) {
  return adapter::Descriptor(::open(path.c_str(), flags | O_CLOEXEC, 0600));
}

std::string first_line(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return {};
  return text->substr(0, text->find('\n'));
}

// Firmware that was never given an identity says so in many ways, all of one digit.
std::string dmi_uuid() {
  std::string uuid = first_line("/sys/class/dmi/id/product_uuid");
  std::transform(uuid.begin(), uuid.end(), uuid.begin(), [](unsigned char c) { return std::tolower(c); });
  const auto differs = [&](char c) { return c != '-' && c != uuid.front(); };
  return std::any_of(uuid.begin(), uuid.end(), differs) ? uuid : std::string();
}

// False, with errno: it does not stand there whole.
bool write_whole(const std::string& path, const std::string& content, unsigned mode, bool durably) {
  const auto file = opened(path, O_WRONLY | O_CREAT | O_TRUNC);
  if (!file || ::fchmod(file.get(), mode) < 0) return false;
  for (std::size_t written = 0; written < content.size();) {
    const auto n = ::write(file.get(), content.data() + written, content.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    written += static_cast<std::size_t>(n);
  }
  return !durably || ::fsync(file.get()) == 0;
}

OrWhy<void> replace(const std::string& path, const std::string& content, unsigned mode, bool durably) {
  const std::string next = path + ".new";
  const bool written = write_whole(next, content, mode, durably);
  if (!written || ::rename(next.c_str(), path.c_str()) < 0) {
    auto reason = why(written ? path : next);
    ::unlink(next.c_str());
    return reason;
  }
  if (!durably) return {};
  const std::string above = fs::path(path).parent_path().string();
  const auto folder = opened(above.empty() ? "." : above, O_RDONLY | O_DIRECTORY);
  if (!folder || ::fsync(folder.get()) < 0) return why(path);
  return {};
}

}  // namespace

OrWhy<void> replace_file(const std::string& path, const std::string& content) {
  return replace(path, content, 0600, false);
}

OrWhy<void> replace_file_durably(const std::string& path, const std::string& content, unsigned mode) {
  return replace(path, content, mode, true);
}

unsigned mode_of(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777U : 0644U;
}

OrWhy<std::string> read_file(const std::string& path, std::size_t most_bytes) {
  const auto file = opened(path, O_RDONLY);
  if (!file) return why(path);
  std::string content;
  char buffer[16384];
  for (;;) {
    const auto n = ::read(file.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return why(path);
    if (n == 0) return content;
    content.append(buffer, static_cast<std::size_t>(n));
    if (content.size() > most_bytes)
      return tl::unexpected(path + ": larger than " + std::to_string(most_bytes >> 20U) + " MiB");
  }
}

OrWhy<void> make_folder(const std::string& path, unsigned mode) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return tl::unexpected(path + ": " + error.message());
  if (::chmod(path.c_str(), mode) < 0) return why(path);
  return {};
}

OrWhy<SingleInstance> SingleInstance::lock(const std::string& run_dir) {
  const std::string path = run_dir + "/havend.lock";
  auto file = opened(path, O_RDWR | O_CREAT);
  if (!file) return why(path);
  if (::flock(file.get(), LOCK_EX | LOCK_NB) < 0) {
    if (errno == EWOULDBLOCK) return tl::unexpected(path + ": another havend runs on this host");
    return why(path);
  }
  return SingleInstance(std::move(file));
}

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  // Up to 256 bytes come whole or not at all; a kernel without randomness cannot run havend.
  if (::getrandom(bytes.data(), count, 0) != static_cast<ssize_t>(count)) std::abort();
  return bytes;
}

std::string random_id() { return codec::hex_of(random_bytes(16)); }

OrWhy<Incarnation> incarnation(const std::string& run_dir) {
  const std::string path = run_dir + "/incarnation";
  const std::string boot = first_line("/proc/sys/kernel/random/boot_id");
  if (::access(path.c_str(), F_OK) == 0) {
    const auto kept = read_file(path);
    if (!kept) return tl::unexpected(kept.error());
    const std::string id = kept->substr(0, kept->find('\n'));
    if (!codec::is_hex32(id)) return tl::unexpected(path + ": is no incarnation (32 hex digits)");
    if (*kept == id + "\n" + boot + "\n") return Incarnation(id);
  }
  // A run_dir that outlives the boot, or an incarnation that has left: what it says is about another one.
  std::error_code error;
  fs::remove(run_dir + "/machine", error);
  if (!error) fs::remove(run_dir + "/promise", error);
  if (!error) fs::remove_all(run_dir + "/released", error);
  if (error) return tl::unexpected(run_dir + ": " + error.message());
  const std::string id = random_id();
  if (auto done = replace_file(path, id + "\n" + boot + "\n"); !done) return tl::unexpected(done.error());
  return Incarnation(id);
}

OrWhy<MachineIdentity> machine_identity(const std::string& run_dir, const std::string& libvirt_uuid) {
  const std::string path = run_dir + "/machine";
  if (const auto kept = read_file(path)) {
    std::vector<std::string> lines;
    std::istringstream text(*kept);
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    constexpr std::size_t kLines = 3;
    if (lines.size() == kLines) return MachineIdentity{lines[0], lines[1], lines[2]};
  }
  const std::string firmware = dmi_uuid();
  const MachineIdentity found{first_line("/etc/machine-id"), libvirt_uuid.empty() ? firmware : libvirt_uuid, firmware};
  if (auto done = replace_file(path, found.machine_id + "\n" + found.dmi_uuid + "\n" + found.firmware_uuid + "\n");
      !done) {
    return tl::unexpected(done.error());
  }
  return found;
}

void forget_incarnation(const std::string& run_dir) {
  // The next havend of this boot draws another one, and finds for itself that nothing runs.
  ::unlink((run_dir + "/incarnation").c_str());
}

OrWhy<void> note_release(const std::string& run_dir, const NoteRelease& note) {
  return replace_file(run_dir + "/released/" + note.resource.str(), std::to_string(note.generation.count) + "\n");
}

OrWhy<std::vector<NoteRelease>> noted_releases(const std::string& run_dir) {
  const std::string folder = run_dir + "/released";
  if (auto made = make_folder(folder, 0700); !made) return tl::unexpected(made.error());
  std::vector<NoteRelease> notes;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".new")) continue;  // left by a havend that was killed before it renamed: never counted
    const std::string text = first_line(entry.path().string());
    NoteRelease note{ResourceName(name), {}};
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), note.generation.count);
    if (fault != std::errc() || end != text.data() + text.size() || text.empty()) {
      return tl::unexpected(entry.path().string() + ": is no generation");
    }
    notes.push_back(std::move(note));
  }
  if (error) return tl::unexpected(folder + ": " + error.message());
  std::sort(notes.begin(), notes.end(), [](const auto& a, const auto& b) { return a.resource < b.resource; });
  return notes;
}

OrWhy<void> note_promise(const std::string& run_dir, const NotePromise& note) {
  return replace_file(run_dir + "/promise", std::to_string(note.deadline.count()) + " " +
                                                std::to_string(note.last_good.since_boot.count()) + "\n");
}

OrWhy<std::optional<NotePromise>> noted_promise(const std::string& run_dir) {
  const std::string path = run_dir + "/promise";
  if (::access(path.c_str(), F_OK) != 0) return std::optional<NotePromise>();
  std::istringstream text(first_line(path));
  Duration::rep deadline = -1, last_good = 0;
  if (!(text >> deadline >> last_good) || deadline < 0) return tl::unexpected(path + ": is no note of a promise");
  return std::optional(NotePromise{Duration(deadline), Instant{Duration(last_good)}});
}

}  // namespace haven::daemon
