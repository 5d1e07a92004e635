// Made by hlsc from fields.cpp:14. Do not edit.
module fields (
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
  wire [5:0] state_banks_1_ra0;
  wire [7:0] state_banks_1_q0;
  reg [7:0] state_banks_1_s1;
  wire [6:0] state_rows_ra0;
  reg [11:0] state_rows_at_q0;
  reg [2:0] state_rows_kind_q0;
  wire [5:0] state_banks_0_ra0;
  wire [7:0] state_banks_0_q0;
  reg [7:0] state_banks_0_s1;
  wire [7:0] n_xor;
  wire [12:0] out_data;
  (* ram_style = "block" *) reg [11:0] state_rows_at [0:127];  // fields.cpp:16
  integer i;
  wire [6:0] state_rows_wa;
  wire [3:0] weights_ra0;
  wire [3:0] weights_q0;
  reg [3:0] weights_s1;
  wire [11:0] n_add;
  (* ram_style = "block" *) reg [2:0] state_rows_kind [0:127];  // fields.cpp:16
  integer i_1;
  wire n_and_1;
  wire n_and_2;
  reg n_and_2_s1;
  (* ram_style = "distributed" *) reg [7:0] state_banks_0 [0:63];  // fields.cpp:16
  integer i_2;
  wire [5:0] state_banks_0_wa;
  wire n_not;
  wire n_and_3;
  wire n_and_4;
  reg n_and_4_s1;
  (* ram_style = "distributed" *) reg [7:0] state_banks_1 [0:63];  // fields.cpp:16
  integer i_3;
  wire [5:0] state_banks_1_wa;
  (* ram_style = "distributed" *) reg [3:0] weights [0:15];  // fields.cpp:20
  integer i_4;
  wire [3:0] weights_wa;

  assign n_and = in_empty_n & out_full_n;  // fields.cpp:33
  always @(posedge ap_clk) if (idle) n_and_s1 <= n_and;
  assign in_read = commit && n_and_s1;  // fields.cpp:22
  assign state_banks_1_ra0 = in_dout[5:0];  // fields.cpp:16
  assign state_banks_1_q0 = state_banks_1[state_banks_1_ra0];
  always @(posedge ap_clk) if (idle) state_banks_1_s1 <= state_banks_1_q0;
  assign state_rows_ra0 = in_dout[6:0];  // fields.cpp:16
  always @(posedge ap_clk) if (idle) state_rows_at_q0 <= state_rows_at[state_rows_ra0];
  always @(posedge ap_clk) if (idle) state_rows_kind_q0 <= state_rows_kind[state_rows_ra0];
  assign state_banks_0_ra0 = in_dout[5:0];  // fields.cpp:16
  assign state_banks_0_q0 = state_banks_0[state_banks_0_ra0];
  always @(posedge ap_clk) if (idle) state_banks_0_s1 <= state_banks_0_q0;
  assign n_xor = state_rows_at_q0[7:0] ^ state_banks_0_s1;  // fields.cpp:31
  assign out_data = {5'h0, state_banks_1_s1} + {1'b0, state_rows_at_q0[11:8], n_xor};  // fields.cpp:31
  assign out_din = {in_dout[20:16], 3'h0, out_data};  // fields.cpp:22
  assign out_write = st[1] && n_and_s1;
  assign out_resv = out_write;
  assign commit = st[1];
`ifndef SYNTHESIS
  initial begin
    for (i = 0; i < 128; i = i + 1) state_rows_at[i] = 12'h0;
  end
`endif
  assign state_rows_wa = in_dout[6:0];  // fields.cpp:16
  assign weights_ra0 = in_dout[19:16];  // fields.cpp:20
  assign weights_q0 = weights[weights_ra0];
  always @(posedge ap_clk) if (idle) weights_s1 <= weights_q0;
  assign n_add = state_rows_at_q0 + {8'h0, weights_s1};  // fields.cpp:26
  always @(posedge ap_clk) if (commit && n_and_s1) state_rows_at[state_rows_wa] <= n_add;
`ifndef SYNTHESIS
  initial begin
    for (i_1 = 0; i_1 < 128; i_1 = i_1 + 1) state_rows_kind[i_1] = 3'h0;
  end
`endif
  assign n_and_1 = in_empty_n & in_dout[20];  // fields.cpp:33
  assign n_and_2 = out_full_n & n_and_1;  // fields.cpp:33
  always @(posedge ap_clk) if (idle) n_and_2_s1 <= n_and_2;
  always @(posedge ap_clk) if (commit && n_and_2_s1) state_rows_kind[state_rows_wa] <= in_dout[18:16];
`ifndef SYNTHESIS
  initial begin
    for (i_2 = 0; i_2 < 64; i_2 = i_2 + 1) state_banks_0[i_2] = 8'h0;
  end
`endif
  assign state_banks_0_wa = in_dout[5:0];  // fields.cpp:16
  assign n_not = ~in_dout[20];  // fields.cpp:27
  assign n_and_3 = in_empty_n & n_not;  // fields.cpp:33
  assign n_and_4 = out_full_n & n_and_3;  // fields.cpp:33
  always @(posedge ap_clk) if (idle) n_and_4_s1 <= n_and_4;
  always @(posedge ap_clk) if (commit && n_and_4_s1) state_banks_0[state_banks_0_wa] <= in_dout[7:0];
`ifndef SYNTHESIS
  initial begin
    for (i_3 = 0; i_3 < 64; i_3 = i_3 + 1) state_banks_1[i_3] = 8'h0;
  end
`endif
  assign state_banks_1_wa = in_dout[5:0];  // fields.cpp:16
  always @(posedge ap_clk) if (commit && n_and_2_s1) state_banks_1[state_banks_1_wa] <= in_dout[7:0];
  initial begin
    for (i_4 = 0; i_4 < 16; i_4 = i_4 + 1) weights[i_4] = 4'h0;
    weights[0] = 4'h1;
    weights[1] = 4'h2;
    weights[2] = 4'h3;
    weights[3] = 4'h5;
    weights[4] = 4'h8;
    weights[5] = 4'hd;
  end
  assign weights_wa = in_dout[19:16];  // fields.cpp:20
  always @(posedge ap_clk) if (commit && n_and_2_s1) weights[weights_wa] <= {1'b0, state_rows_kind_q0};
  assign start = n_and;
  always @(posedge ap_clk) st <= ap_rst_n ? {idle && start} : 1'h0;
  always @(posedge ap_clk) idle <= !ap_rst_n || (idle ? !start : commit);
endmodule
