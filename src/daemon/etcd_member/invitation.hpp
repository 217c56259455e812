// A secret with which one machine may join, once. The host that made it keeps it under run_dir and alone honours it;
// the operator carries it over in a file.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "daemon/boot.hpp"

namespace haven::daemon {

struct Invitation {
  std::string id;      // 16 hex digits; not secret
  std::string secret;  // 32 bytes
  std::string by;      // who invited; known to the host that made it alone
};

// An unused one is worth nothing after this.
inline constexpr std::chrono::hours kInvitationLasts{1};

// What is carried over: "haven-join-ID-SECRET", one line.
[[nodiscard]] std::string to_text(const Invitation& invitation);
// The error says how one looks, and nothing of what was given.
[[nodiscard]] OrWhy<Invitation> read_invitation(const std::string& text);

class Invitations {
 public:
  // Their folder is made with the first.
  explicit Invitations(const std::string& run_dir) : folder_(run_dir + "/invitations") {}

  [[nodiscard]] OrWhy<Invitation> make(const std::string& by) const;
  // The file with the line to be carried over; root's alone.
  [[nodiscard]] std::string path_of(const std::string& id) const { return folder_ + "/" + id; }
  // nullopt: never made here, used, or too old.
  [[nodiscard]] std::optional<Invitation> find(const std::string& id) const;
  // True for exactly one caller.
  [[nodiscard]] bool use_up(const std::string& id) const;

 private:
  std::string folder_;
};

}  // namespace haven::daemon
