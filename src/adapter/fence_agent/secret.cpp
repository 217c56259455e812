#include "adapter/fence_agent/secret.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "adapter/private_file.hpp"

namespace haven::adapter {
namespace {

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

}  // namespace

tl::expected<std::string, std::string> read_secret(const std::string& path) {
  const auto refused = [&](const std::string& why) { return tl::make_unexpected("secret file " + path + ": " + why); };
  auto text = read_private_file(path);
  if (!text) return refused(text.error());
  std::string secret = std::move(*text);
  if (secret.ends_with('\n')) secret.pop_back();
  if (secret.empty()) return refused("it is empty");
  if (secret.find_first_of(std::string_view("\n\r\0", 3)) != std::string::npos)
    return refused("it has more than one line");
  return secret;
}

std::string redacted(std::string text, const std::vector<std::string>& secrets) {
  std::vector<std::string> forms;
  for (const std::string& secret : secrets) {
    if (secret.empty()) continue;
    std::string shell = secret, shell_too = secret, escaped = secret;
    replace_all(shell, "'", "'\"'\"'");
    replace_all(shell_too, "'", "'\\''");
    replace_all(escaped, "\\", "\\\\");
    std::string both = escaped;
    replace_all(both, "'", "\\'");
    forms.insert(forms.end(), {secret, shell, shell_too, escaped, both});
  }
  // The longest first: a secret may hold another one.
  std::stable_sort(forms.begin(), forms.end(), [](const auto& a, const auto& b) { return a.size() > b.size(); });
  for (const std::string& form : forms) replace_all(text, form, "***");
  return text;
}

}  // namespace haven::adapter
