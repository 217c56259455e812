#include "daemon/etcd_member/invitation.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "daemon/names.hpp"

namespace haven::daemon {
namespace {

namespace fs = std::filesystem;

const std::string kBegin = "haven-join-";
constexpr std::size_t kIdBytes = 8;
constexpr std::size_t kSecretBytes = 32;

bool is_hex(const std::string& text, std::size_t digits) {
  return text.size() == digits && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

std::string bytes_of(const std::string& text) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    bytes += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
  return bytes;
}

}  // namespace

std::string to_text(const Invitation& invitation) {
  return kBegin + invitation.id + "-" + codec::hex_of(invitation.secret);
}

OrWhy<Invitation> read_invitation(const std::string& text) {
  std::string line = text.substr(0, text.find_first_of("\r\n"));
  const auto no =
      tl::unexpected(std::string("this is no join secret; the line that `haven cluster invite` printed is"));
  if (!line.starts_with(kBegin)) return no;
  line.erase(0, kBegin.size());
  const auto dash = line.find('-');
  if (dash == std::string::npos) return no;
  const std::string id = line.substr(0, dash);
  const std::string secret = line.substr(dash + 1);
  if (!is_hex(id, 2 * kIdBytes) || !is_hex(secret, 2 * kSecretBytes)) return no;
  return Invitation{id, bytes_of(secret), {}};
}

OrWhy<Invitation> Invitations::make(const std::string& by) const {
  if (auto made = make_folder(folder_, 0700); !made) return tl::unexpected(made.error());
  Invitation invitation{codec::hex_of(random_bytes(kIdBytes)), random_bytes(kSecretBytes), by};
  if (auto kept = replace_file(path_of(invitation.id), to_text(invitation) + "\n" + by + "\n"); !kept)
    return tl::unexpected(kept.error());
  return invitation;
}

std::optional<Invitation> Invitations::find(const std::string& id) const {
  if (!is_hex(id, 2 * kIdBytes)) return std::nullopt;
  const fs::path path = fs::path(folder_) / id;
  std::error_code error;
  const auto made = fs::last_write_time(path, error);
  if (error || fs::file_time_type::clock::now() - made > kInvitationLasts) return std::nullopt;
  const auto text = read_file(path.string());
  if (!text) return std::nullopt;
  auto invitation = read_invitation(*text);
  if (!invitation || invitation->id != id) return std::nullopt;
  const auto second = text->find('\n') + 1;
  invitation->by = text->substr(second, text->find('\n', second) - second);
  return *invitation;
}

bool Invitations::use_up(const std::string& id) const {
  return is_hex(id, 2 * kIdBytes) && ::unlink((folder_ + "/" + id).c_str()) == 0;
}

}  // namespace haven::daemon
