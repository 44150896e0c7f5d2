# SPDX-License-Identifier: Apache-2.0
class Identity:
    def __init__(self, host): pass
    def settings(self): return {}
    def reset(self): pass
