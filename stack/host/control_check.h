// Is this control message one that an application may send? Looks at its form only: size, magic,
// opcode, and that every field which the opcode does not name is zero (control.h).
#pragma once
#include <rio/control.h>

#include <cstddef>

namespace pinion {

// 0; -EPROTO: not a control message; -EOPNOTSUPP: unknown opcode; -EINVAL: a field is not zero.
// *why is a sentence when it is not 0.
int check_control(const rio_control& message, size_t bytes, const char** why);

}  // namespace pinion
