// Made by hlsc from rom.cpp:6. Do not edit.
module rom (
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
  wire n_and;
  wire [7:0] kTimes_1;
  reg [7:0] kTimes [0:15];  // rom.cpp:10

  assign n_and = in_empty_n & out_full_n;  // rom.cpp:12
  assign in_read = commit && n_and;  // rom.cpp:8
  assign kTimes_1 = kTimes[in_dout[19:16]];  // rom.cpp:10
  assign out_din = {in_dout[20:16], 8'h0, kTimes_1};  // rom.cpp:8
  assign out_write = n_and;
  assign out_resv = out_write;
  assign commit = 1'b1;
  initial begin
    kTimes[0] = 8'h3;
    kTimes[1] = 8'h1;
    kTimes[2] = 8'h4;
    kTimes[3] = 8'h1;
    kTimes[4] = 8'h5;
    kTimes[5] = 8'h9;
    kTimes[6] = 8'h2;
    kTimes[7] = 8'h6;
    kTimes[8] = 8'h5;
    kTimes[9] = 8'h3;
    kTimes[10] = 8'h5;
    kTimes[11] = 8'h8;
    kTimes[12] = 8'h9;
    kTimes[13] = 8'h7;
    kTimes[14] = 8'h9;
    kTimes[15] = 8'h3;
  end
endmodule
