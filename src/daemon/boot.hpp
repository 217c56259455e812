// What havend keeps on its host: who this boot is, and what it must not forget while it lasts.
//
// run_dir dies with the boot, so what lies there is as old as the incarnation at most. Its files are written to a new
// name and renamed: a havend killed at any moment finds them whole.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "adapter/descriptor.hpp"
#include "core/model/action.hpp"
#include "core/model/ids.hpp"
#include "core/model/record.hpp"

namespace haven::daemon {

// An error is one sentence for the operator, with the path.
template <class T>
using OrWhy = tl::expected<T, std::string>;

// Replaces the file as a whole; 0600. Not durable: for run_dir.
[[nodiscard]] OrWhy<void> replace_file(const std::string& path, const std::string& content);
// And survives a loss of power, with its folder: the old content or the new one.
[[nodiscard]] OrWhy<void> replace_file_durably(const std::string& path, const std::string& content,
                                               unsigned mode = 0600);
// The permissions of a file that is to be replaced; of one that is not there yet, 0644.
[[nodiscard]] unsigned mode_of(const std::string& path);
[[nodiscard]] OrWhy<std::string> read_file(const std::string& path, std::size_t most_bytes = std::size_t{1} << 20U);
// The folder and those above it; they are 0755, the last one has `mode`.
[[nodiscard]] OrWhy<void> make_folder(const std::string& path, unsigned mode);

// One havend per run_dir: holds the lock until it ends, by whatever end.
class SingleInstance {
 public:
  [[nodiscard]] static OrWhy<SingleInstance> lock(const std::string& run_dir);

 private:
  explicit SingleInstance(adapter::Descriptor file) : file_(std::move(file)) {}
  adapter::Descriptor file_;
};

// Of the kernel's randomness; at most 256.
[[nodiscard]] std::string random_bytes(std::size_t count);
// 32 hex digits of it.
[[nodiscard]] std::string random_id();

// The same for every havend of this boot; drawn by the first. To be called before the other things that are kept.
[[nodiscard]] OrWhy<Incarnation> incarnation(const std::string& run_dir);

// What this boot's first havend found: later ones say the same, whatever answers then. `libvirt_uuid` is empty where
// libvirt did not answer; the DMI's then stands for it, which is what libvirt says by default.
[[nodiscard]] OrWhy<MachineIdentity> machine_identity(const std::string& run_dir, const std::string& libvirt_uuid);

// This incarnation has left for good (F8): should the machine not go down, the next havend is another one.
void forget_incarnation(const std::string& run_dir);

// Notes of releases that were sent, or were about to be (PROTOCOL C4).
[[nodiscard]] OrWhy<void> note_release(const std::string& run_dir, const NoteRelease& note);
[[nodiscard]] OrWhy<std::vector<NoteRelease>> noted_releases(const std::string& run_dir);

// What this boot promised, and the last good of it (PROTOCOL P2). nullopt: nothing was ever noted.
[[nodiscard]] OrWhy<void> note_promise(const std::string& run_dir, const NotePromise& note);
[[nodiscard]] OrWhy<std::optional<NotePromise>> noted_promise(const std::string& run_dir);

}  // namespace haven::daemon
