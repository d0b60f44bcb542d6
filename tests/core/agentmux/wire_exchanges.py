"""The two exchanges of FACTS 2.10, line by line."""

PROMOTE_EXCHANGE = """\
> {"cmd":"report_pool_window_removed","label":"window-pool-a"}
< {"event":"pool_window_removed","label":"window-pool-a","version":10}
> {"cmd":"report_pool_window_promoted","label":"window-pool-a"}
< {"event":"pool_window_promoted","label":"window-pool-a","version":11}
< {"event":"saga_started","saga_id":42,"name":"pool_respawn_on_promote","version":12}
< {"kind":"command","cmd":"spawn_pool_window","saga_id":42}
> {"cmd":"report_window_opened","label":"window-pool-a","kind":"full_instance","parent_label":null}
< {"event":"window_opened","label":"window-pool-a","kind":"full_instance","parent_label":null,"version":13}
< {"event":"window_instance_assigned","label":"window-pool-a","num":2,"version":14}
> {"cmd":"report_pool_window_added","label":"","saga_id":42}
< {"event":"pool_window_added","label":"","version":15,"saga_id":42}
< {"event":"saga_completed","saga_id":42,"version":16}
> {"cmd":"report_pool_window_added","label":"window-pool-b","saga_id":null}
< {"event":"pool_window_added","label":"window-pool-b","version":17,"saga_id":null}
"""  # noqa: E501  a line of the wire stays in one piece
"""FACTS 2.10: promote and refill; `>` host to launcher, `<` launcher to host."""

CLOSE_EXCHANGE = """\
> {"cmd":"report_window_closed","label":"main"}
< {"event":"window_closed","label":"main","version":20,"crash_detected":false}
< {"event":"window_instance_released","label":"main","num":1,"version":21}
< {"event":"hwnd_drift_detected","kind":"orphan_instance","label":"main","hwnd":null,"detail":"…","severity":"warn","version":22}
< {"event":"host_should_quit","version":23}
< {"event":"saga_started","saga_id":43,"name":"window_cleanup_cascade","version":24}
< {"kind":"command","cmd":"reap_panes","label":"main","saga_id":43}
> {"cmd":"report_panes_reaped","label":"main","saga_id":null}
< {"event":"panes_reaped","label":"main","version":25,"saga_id":null}
> {"cmd":"report_pool_drain_decision","label":"main","was_last":true,"saga_id":null}
< {"event":"pool_drained","label":"main","version":26,"saga_id":null}
> {"cmd":"report_panes_reaped","label":"main","saga_id":43}
< {"event":"panes_reaped","label":"main","version":27,"saga_id":43}
< {"kind":"command","cmd":"drain_pool_if_last","label":"main","saga_id":43}
> {"cmd":"report_pool_drain_decision","label":"main","was_last":true,"saga_id":43}
< {"event":"pool_drained","label":"main","version":28,"saga_id":43}
< {"event":"saga_completed","saga_id":43,"version":29}
"""  # noqa: E501  a line of the wire stays in one piece
"""FACTS 2.10: the close of the last window."""
