// Messages between two machines that share a secret and nothing else yet: AES-256-GCM, one key for each direction,
// drawn from the secret. Who does not know the secret can neither read, nor forge, nor reflect them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace haven::daemon {

enum class Direction { request, reply };

// Base64. `secret` is at least 32 bytes of randomness.
[[nodiscard]] std::string seal(std::string_view secret, Direction direction, std::string_view text);
// nullopt: not sealed by this secret for this direction, or not whole.
[[nodiscard]] std::optional<std::string> unseal(std::string_view secret, Direction direction, std::string_view box);

[[nodiscard]] std::string base64(std::string_view bytes);
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);
// Lower-case hex of SHA-256.
[[nodiscard]] std::string sha256_hex(std::string_view bytes);

}  // namespace haven::daemon
