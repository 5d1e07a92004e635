// Made by hlsc from forward.cpp:5. Do not edit.
module forward (
  input wire ap_clk,
  input wire ap_rst_n,
  input wire [20:0] in_dout,
  input wire in_empty_n,
  output wire in_read,
  output wire [20:0] out_din,
  input wire out_full_n,
  output wire out_resv,
  output wire out_write
);
  wire commit;
  wire start;
  reg idle;  // phase 0: the next call is tried
  reg [1:1] st;  // st[i]: a call is in stage i
  wire n_and;
  reg n_and_s1;
  wire n_eq;
  reg n_eq_s1;
  wire [9:0] rows_ra0;
  reg [15:0] rows_q0;
  wire [15:0] n_mux;
  wire [15:0] out_data;
  (* ram_style = "ultra" *) reg [15:0] rows [0:1023];  // forward.cpp:7
  integer i;
  wire [5:0] n_mux_1;
  reg [5:0] n_mux_1_s1;
  wire [3:0] n_mux_2;
  reg [3:0] n_mux_2_s1;
  wire [9:0] rows_wa;
  wire [15:0] n_add;
  wire [15:0] n_mux_3;

  assign n_and = in_empty_n & out_full_n;  // forward.cpp:20
  always @(posedge ap_clk) if (idle) n_and_s1 <= n_and;
  assign in_read = commit && n_and_s1;  // forward.cpp:9
  assign n_eq = {in_dout[9:4], in_dout[19:16]} == {6'h0, in_dout[3:0]};  // forward.cpp:13
  always @(posedge ap_clk) if (idle) n_eq_s1 <= n_eq;
  assign rows_ra0 = in_dout[9:0];  // forward.cpp:7
  always @(posedge ap_clk) if (idle) rows_q0 <= rows[rows_ra0];
  assign n_mux = n_eq_s1 ? in_dout[15:0] : rows_q0;  // forward.cpp:13
  assign out_data = in_dout[20] ? n_mux : rows_q0;  // forward.cpp:19
  assign out_din = {in_dout[20:16], out_data};  // forward.cpp:9
  assign out_write = st[1] && n_and_s1;
  assign out_resv = out_write;
  assign commit = st[1];
`ifndef SYNTHESIS
  initial begin
    for (i = 0; i < 1024; i = i + 1) rows[i] = 16'h0;
  end
`endif
  assign n_mux_1 = in_dout[20] ? 6'h0 : in_dout[9:4];  // forward.cpp:19
  always @(posedge ap_clk) if (idle) n_mux_1_s1 <= n_mux_1;
  assign n_mux_2 = in_dout[20] ? in_dout[19:16] : in_dout[3:0];  // forward.cpp:19
  always @(posedge ap_clk) if (idle) n_mux_2_s1 <= n_mux_2;
  assign rows_wa = {n_mux_1_s1, n_mux_2_s1};  // forward.cpp:7
  assign n_add = {12'h0, in_dout[19:16]} + rows_q0;  // forward.cpp:16
  assign n_mux_3 = in_dout[20] ? in_dout[15:0] : n_add;  // forward.cpp:19
  always @(posedge ap_clk) if (commit && n_and_s1) rows[rows_wa] <= n_mux_3;
  assign start = n_and;
  always @(posedge ap_clk) st <= ap_rst_n ? {idle && start} : 1'h0;
  always @(posedge ap_clk) idle <= !ap_rst_n || (idle ? !start : commit);
endmodule
