"""Look inside trained networks: figures (`fer visualize`), doubtful labels (`fer audit`), module sizes (`fer describe`)."""
