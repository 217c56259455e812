// Cluster files of one host, as the tests apply them.
#pragma once

#include <string>

namespace haven::test {

inline const std::string kOneHost = "[cluster]\nname = \"solo\"\n\n[[host]]\nname = \"h1\"\naddress = \"127.0.0.1\"\n";
inline std::string vm(int n, const std::string& more = {}) {
  const std::string name = "web" + std::to_string(n);
  return "\n[[vm]]\nname = \"" + name + "\"\ndomain = \"" + name + ".xml\"\n" + more;
}

}  // namespace haven::test
