// Made by hlsc from bits.cpp:12. Do not edit.
module bits (
  input wire ap_clk,
  input wire ap_rst_n,
  input wire [31:0] in_dout,
  input wire in_empty_n,
  output wire in_read,
  output wire [63:0] out_din,
  input wire out_full_n,
  output wire out_resv,
  output wire out_write
);
  wire commit;
  wire n_and;
  wire [1:0] n_add;
  wire [1:0] n_add_1;
  wire [2:0] n_add_2;
  wire [1:0] n_add_3;
  wire [1:0] n_add_4;
  wire [2:0] n_add_5;
  wire [3:0] n_add_6;
  wire [1:0] n_add_7;
  wire [1:0] n_add_8;
  wire [2:0] n_add_9;
  wire [1:0] n_add_10;
  wire [1:0] n_add_11;
  wire [2:0] n_add_12;
  wire [3:0] n_add_13;
  wire [4:0] n_add_14;
  wire [1:0] n_add_15;
  wire [1:0] n_add_16;
  wire [2:0] n_add_17;
  wire [1:0] n_add_18;
  wire [1:0] n_add_19;
  wire [2:0] n_add_20;
  wire [3:0] n_add_21;
  wire [1:0] n_add_22;
  wire [1:0] n_add_23;
  wire [2:0] n_add_24;
  wire [1:0] n_add_25;
  wire [1:0] n_add_26;
  wire [2:0] n_add_27;
  wire [3:0] n_add_28;
  wire [4:0] n_add_29;
  wire [5:0] n_add_30;
  wire [2:0] n_sub;
  wire [7:0] n_mux;
  wire [7:0] n_mux_1;
  wire [7:0] n_mux_2;
  wire [7:0] n_mux_3;
  wire [7:0] n_mux_4;
  wire [7:0] n_mux_5;
  wire [7:0] n_mux_6;
  wire n_eq;
  wire n_or;
  wire n_or_1;
  wire n_or_2;
  wire n_or_3;
  wire n_or_4;
  wire n_or_5;
  wire n_or_6;
  wire n_or_7;
  wire n_or_8;
  wire n_or_9;
  wire n_or_10;
  wire n_or_11;
  wire n_or_12;
  wire n_or_13;
  wire n_or_14;
  wire n_or_15;
  wire n_or_16;
  wire n_or_17;
  wire n_or_18;
  wire n_or_19;
  wire n_or_20;
  wire n_or_21;
  wire n_or_22;
  wire n_or_23;
  wire n_or_24;
  wire n_or_25;
  wire n_or_26;
  wire n_or_27;
  wire n_or_28;
  wire n_or_29;
  wire n_or_30;
  wire [5:0] n_mux_7;
  wire [5:0] n_mux_8;
  wire [5:0] n_mux_9;
  wire [5:0] n_mux_10;
  wire [5:0] n_mux_11;
  wire [5:0] n_mux_12;
  wire [5:0] n_mux_13;
  wire [5:0] n_mux_14;
  wire [5:0] n_mux_15;
  wire [5:0] n_mux_16;
  wire [5:0] n_mux_17;
  wire [5:0] n_mux_18;
  wire [5:0] n_mux_19;
  wire [5:0] n_mux_20;
  wire [5:0] n_mux_21;
  wire [5:0] n_mux_22;
  wire [5:0] n_mux_23;
  wire [5:0] n_mux_24;
  wire [5:0] n_mux_25;
  wire [5:0] n_mux_26;
  wire [5:0] n_mux_27;
  wire [5:0] n_mux_28;
  wire [5:0] n_mux_29;
  wire [5:0] n_mux_30;
  wire [5:0] n_mux_31;
  wire [5:0] n_mux_32;
  wire [5:0] n_mux_33;
  wire [5:0] n_mux_34;
  wire [5:0] n_mux_35;
  wire [5:0] n_mux_36;
  wire [5:0] n_mux_37;
  wire [5:0] n_mux_38;
  wire [5:0] n_mux_39;
  wire [5:0] n_mux_40;
  wire [5:0] n_mux_41;
  wire [5:0] n_mux_42;
  wire [5:0] n_mux_43;
  wire [5:0] n_mux_44;
  wire [5:0] n_mux_45;
  wire [5:0] n_mux_46;
  wire [5:0] n_mux_47;
  wire [5:0] n_mux_48;
  wire [5:0] n_mux_49;
  wire [5:0] n_mux_50;
  wire [5:0] n_mux_51;
  wire [5:0] n_mux_52;
  wire [5:0] n_mux_53;
  wire [5:0] n_mux_54;
  wire [5:0] n_mux_55;
  wire [5:0] n_mux_56;
  wire [5:0] n_mux_57;
  wire [5:0] n_mux_58;
  wire [5:0] n_mux_59;
  wire [5:0] n_mux_60;
  wire [5:0] n_mux_61;
  wire [5:0] n_mux_62;
  wire [5:0] n_mux_63;
  wire [5:0] n_mux_64;
  wire [5:0] n_mux_65;
  wire [5:0] n_mux_66;
  wire [5:0] n_mux_67;
  wire [5:0] n_mux_68;
  wire [5:0] n_mux_69;
  wire [5:0] n_mux_70;
  wire [5:0] n_mux_71;
  wire [5:0] n_mux_72;

  assign n_and = in_empty_n & out_full_n;  // bits.cpp:30
  assign in_read = commit && n_and;  // bits.cpp:14
  assign n_add = {1'b0, in_dout[0]} + {1'b0, in_dout[1]};  // bits.cpp:22
  assign n_add_1 = {1'b0, in_dout[2]} + {1'b0, in_dout[3]};  // bits.cpp:22
  assign n_add_2 = {1'b0, n_add} + {1'b0, n_add_1};  // bits.cpp:22
  assign n_add_3 = {1'b0, in_dout[4]} + {1'b0, in_dout[5]};  // bits.cpp:22
  assign n_add_4 = {1'b0, in_dout[6]} + {1'b0, in_dout[7]};  // bits.cpp:22
  assign n_add_5 = {1'b0, n_add_3} + {1'b0, n_add_4};  // bits.cpp:22
  assign n_add_6 = {1'b0, n_add_2} + {1'b0, n_add_5};  // bits.cpp:22
  assign n_add_7 = {1'b0, in_dout[8]} + {1'b0, in_dout[9]};  // bits.cpp:22
  assign n_add_8 = {1'b0, in_dout[10]} + {1'b0, in_dout[11]};  // bits.cpp:22
  assign n_add_9 = {1'b0, n_add_7} + {1'b0, n_add_8};  // bits.cpp:22
  assign n_add_10 = {1'b0, in_dout[12]} + {1'b0, in_dout[13]};  // bits.cpp:22
  assign n_add_11 = {1'b0, in_dout[14]} + {1'b0, in_dout[15]};  // bits.cpp:22
  assign n_add_12 = {1'b0, n_add_10} + {1'b0, n_add_11};  // bits.cpp:22
  assign n_add_13 = {1'b0, n_add_9} + {1'b0, n_add_12};  // bits.cpp:22
  assign n_add_14 = {1'b0, n_add_6} + {1'b0, n_add_13};  // bits.cpp:22
  assign n_add_15 = {1'b0, in_dout[16]} + {1'b0, in_dout[17]};  // bits.cpp:22
  assign n_add_16 = {1'b0, in_dout[18]} + {1'b0, in_dout[19]};  // bits.cpp:22
  assign n_add_17 = {1'b0, n_add_15} + {1'b0, n_add_16};  // bits.cpp:22
  assign n_add_18 = {1'b0, in_dout[20]} + {1'b0, in_dout[21]};  // bits.cpp:22
  assign n_add_19 = {1'b0, in_dout[22]} + {1'b0, in_dout[23]};  // bits.cpp:22
  assign n_add_20 = {1'b0, n_add_18} + {1'b0, n_add_19};  // bits.cpp:22
  assign n_add_21 = {1'b0, n_add_17} + {1'b0, n_add_20};  // bits.cpp:22
  assign n_add_22 = {1'b0, in_dout[24]} + {1'b0, in_dout[25]};  // bits.cpp:22
  assign n_add_23 = {1'b0, in_dout[26]} + {1'b0, in_dout[27]};  // bits.cpp:22
  assign n_add_24 = {1'b0, n_add_22} + {1'b0, n_add_23};  // bits.cpp:22
  assign n_add_25 = {1'b0, in_dout[28]} + {1'b0, in_dout[29]};  // bits.cpp:22
  assign n_add_26 = {1'b0, in_dout[30]} + {1'b0, in_dout[31]};  // bits.cpp:22
  assign n_add_27 = {1'b0, n_add_25} + {1'b0, n_add_26};  // bits.cpp:22
  assign n_add_28 = {1'b0, n_add_24} + {1'b0, n_add_27};  // bits.cpp:22
  assign n_add_29 = {1'b0, n_add_21} + {1'b0, n_add_28};  // bits.cpp:22
  assign n_add_30 = {1'b0, n_add_14} + {1'b0, n_add_29};  // bits.cpp:22
  assign n_sub = 3'h0 - {1'b0, in_dout[1:0]};  // bits.cpp:25
  assign n_mux = n_sub[0] ? in_dout[10:3] : in_dout[9:2];  // bits.cpp:25
  assign n_mux_1 = n_sub[0] ? in_dout[8:1] : in_dout[7:0];  // bits.cpp:25
  assign n_mux_2 = n_sub[1] ? n_mux : n_mux_1;  // bits.cpp:25
  assign n_mux_3 = n_sub[0] ? in_dout[14:7] : in_dout[13:6];  // bits.cpp:25
  assign n_mux_4 = n_sub[0] ? in_dout[12:5] : in_dout[11:4];  // bits.cpp:25
  assign n_mux_5 = n_sub[1] ? n_mux_3 : n_mux_4;  // bits.cpp:25
  assign n_mux_6 = n_sub[2] ? n_mux_2 : n_mux_5;  // bits.cpp:25
  assign n_eq = ~|in_dout;  // bits.cpp:23
  assign n_or = in_dout[30] | in_dout[31];  // bits.cpp:23
  assign n_or_1 = in_dout[28] | in_dout[29];  // bits.cpp:23
  assign n_or_2 = n_or | n_or_1;  // bits.cpp:23
  assign n_or_3 = in_dout[26] | in_dout[27];  // bits.cpp:23
  assign n_or_4 = in_dout[24] | in_dout[25];  // bits.cpp:23
  assign n_or_5 = n_or_3 | n_or_4;  // bits.cpp:23
  assign n_or_6 = n_or_2 | n_or_5;  // bits.cpp:23
  assign n_or_7 = in_dout[22] | in_dout[23];  // bits.cpp:23
  assign n_or_8 = in_dout[20] | in_dout[21];  // bits.cpp:23
  assign n_or_9 = n_or_7 | n_or_8;  // bits.cpp:23
  assign n_or_10 = in_dout[18] | in_dout[19];  // bits.cpp:23
  assign n_or_11 = in_dout[16] | in_dout[17];  // bits.cpp:23
  assign n_or_12 = n_or_10 | n_or_11;  // bits.cpp:23
  assign n_or_13 = n_or_9 | n_or_12;  // bits.cpp:23
  assign n_or_14 = n_or_6 | n_or_13;  // bits.cpp:23
  assign n_or_15 = in_dout[14] | in_dout[15];  // bits.cpp:23
  assign n_or_16 = in_dout[12] | in_dout[13];  // bits.cpp:23
  assign n_or_17 = n_or_15 | n_or_16;  // bits.cpp:23
  assign n_or_18 = in_dout[10] | in_dout[11];  // bits.cpp:23
  assign n_or_19 = in_dout[8] | in_dout[9];  // bits.cpp:23
  assign n_or_20 = n_or_18 | n_or_19;  // bits.cpp:23
  assign n_or_21 = n_or_17 | n_or_20;  // bits.cpp:23
  assign n_or_22 = in_dout[6] | in_dout[7];  // bits.cpp:23
  assign n_or_23 = in_dout[4] | in_dout[5];  // bits.cpp:23
  assign n_or_24 = n_or_22 | n_or_23;  // bits.cpp:23
  assign n_or_25 = in_dout[2] | in_dout[3];  // bits.cpp:23
  assign n_or_26 = in_dout[0] | in_dout[1];  // bits.cpp:23
  assign n_or_27 = n_or_25 | n_or_26;  // bits.cpp:23
  assign n_or_28 = n_or_24 | n_or_27;  // bits.cpp:23
  assign n_or_29 = n_or_21 | n_or_28;  // bits.cpp:23
  assign n_or_30 = n_or_14 | n_or_29;  // bits.cpp:23
  assign n_mux_7 = in_dout[0] ? 6'h0 : 6'h1;  // bits.cpp:24
  assign n_mux_8 = in_dout[2] ? 6'h2 : 6'h3;  // bits.cpp:24
  assign n_mux_9 = n_or_26 ? n_mux_7 : n_mux_8;  // bits.cpp:24
  assign n_mux_10 = in_dout[4] ? 6'h4 : 6'h5;  // bits.cpp:24
  assign n_mux_11 = in_dout[6] ? 6'h6 : 6'h7;  // bits.cpp:24
  assign n_mux_12 = n_or_23 ? n_mux_10 : n_mux_11;  // bits.cpp:24
  assign n_mux_13 = n_or_27 ? n_mux_9 : n_mux_12;  // bits.cpp:24
  assign n_mux_14 = in_dout[8] ? 6'h8 : 6'h9;  // bits.cpp:24
  assign n_mux_15 = in_dout[10] ? 6'ha : 6'hb;  // bits.cpp:24
  assign n_mux_16 = n_or_19 ? n_mux_14 : n_mux_15;  // bits.cpp:24
  assign n_mux_17 = in_dout[12] ? 6'hc : 6'hd;  // bits.cpp:24
  assign n_mux_18 = in_dout[14] ? 6'he : 6'hf;  // bits.cpp:24
  assign n_mux_19 = n_or_16 ? n_mux_17 : n_mux_18;  // bits.cpp:24
  assign n_mux_20 = n_or_20 ? n_mux_16 : n_mux_19;  // bits.cpp:24
  assign n_mux_21 = n_or_28 ? n_mux_13 : n_mux_20;  // bits.cpp:24
  assign n_mux_22 = in_dout[16] ? 6'h10 : 6'h11;  // bits.cpp:24
  assign n_mux_23 = in_dout[18] ? 6'h12 : 6'h13;  // bits.cpp:24
  assign n_mux_24 = n_or_11 ? n_mux_22 : n_mux_23;  // bits.cpp:24
  assign n_mux_25 = in_dout[20] ? 6'h14 : 6'h15;  // bits.cpp:24
  assign n_mux_26 = in_dout[22] ? 6'h16 : 6'h17;  // bits.cpp:24
  assign n_mux_27 = n_or_8 ? n_mux_25 : n_mux_26;  // bits.cpp:24
  assign n_mux_28 = n_or_12 ? n_mux_24 : n_mux_27;  // bits.cpp:24
  assign n_mux_29 = in_dout[24] ? 6'h18 : 6'h19;  // bits.cpp:24
  assign n_mux_30 = in_dout[26] ? 6'h1a : 6'h1b;  // bits.cpp:24
  assign n_mux_31 = n_or_4 ? n_mux_29 : n_mux_30;  // bits.cpp:24
  assign n_mux_32 = in_dout[28] ? 6'h1c : 6'h1d;  // bits.cpp:24
  assign n_mux_33 = in_dout[30] ? 6'h1e : 6'h1f;  // bits.cpp:24
  assign n_mux_34 = n_or_1 ? n_mux_32 : n_mux_33;  // bits.cpp:24
  assign n_mux_35 = n_or_5 ? n_mux_31 : n_mux_34;  // bits.cpp:24
  assign n_mux_36 = n_or_13 ? n_mux_28 : n_mux_35;  // bits.cpp:24
  assign n_mux_37 = n_or_29 ? n_mux_21 : n_mux_36;  // bits.cpp:24
  assign n_mux_38 = n_or_30 ? n_mux_37 : 6'h20;  // bits.cpp:24
  assign n_mux_39 = n_eq ? 6'h20 : n_mux_38;  // bits.cpp:24
  assign n_mux_40 = in_dout[31] ? 6'h0 : 6'h1;  // bits.cpp:23
  assign n_mux_41 = in_dout[29] ? 6'h2 : 6'h3;  // bits.cpp:23
  assign n_mux_42 = n_or ? n_mux_40 : n_mux_41;  // bits.cpp:23
  assign n_mux_43 = in_dout[27] ? 6'h4 : 6'h5;  // bits.cpp:23
  assign n_mux_44 = in_dout[25] ? 6'h6 : 6'h7;  // bits.cpp:23
  assign n_mux_45 = n_or_3 ? n_mux_43 : n_mux_44;  // bits.cpp:23
  assign n_mux_46 = n_or_2 ? n_mux_42 : n_mux_45;  // bits.cpp:23
  assign n_mux_47 = in_dout[23] ? 6'h8 : 6'h9;  // bits.cpp:23
  assign n_mux_48 = in_dout[21] ? 6'ha : 6'hb;  // bits.cpp:23
  assign n_mux_49 = n_or_7 ? n_mux_47 : n_mux_48;  // bits.cpp:23
  assign n_mux_50 = in_dout[19] ? 6'hc : 6'hd;  // bits.cpp:23
  assign n_mux_51 = in_dout[17] ? 6'he : 6'hf;  // bits.cpp:23
  assign n_mux_52 = n_or_10 ? n_mux_50 : n_mux_51;  // bits.cpp:23
  assign n_mux_53 = n_or_9 ? n_mux_49 : n_mux_52;  // bits.cpp:23
  assign n_mux_54 = n_or_6 ? n_mux_46 : n_mux_53;  // bits.cpp:23
  assign n_mux_55 = in_dout[15] ? 6'h10 : 6'h11;  // bits.cpp:23
  assign n_mux_56 = in_dout[13] ? 6'h12 : 6'h13;  // bits.cpp:23
  assign n_mux_57 = n_or_15 ? n_mux_55 : n_mux_56;  // bits.cpp:23
  assign n_mux_58 = in_dout[11] ? 6'h14 : 6'h15;  // bits.cpp:23
  assign n_mux_59 = in_dout[9] ? 6'h16 : 6'h17;  // bits.cpp:23
  assign n_mux_60 = n_or_18 ? n_mux_58 : n_mux_59;  // bits.cpp:23
  assign n_mux_61 = n_or_17 ? n_mux_57 : n_mux_60;  // bits.cpp:23
  assign n_mux_62 = in_dout[7] ? 6'h18 : 6'h19;  // bits.cpp:23
  assign n_mux_63 = in_dout[5] ? 6'h1a : 6'h1b;  // bits.cpp:23
  assign n_mux_64 = n_or_22 ? n_mux_62 : n_mux_63;  // bits.cpp:23
  assign n_mux_65 = in_dout[3] ? 6'h1c : 6'h1d;  // bits.cpp:23
  assign n_mux_66 = in_dout[1] ? 6'h1e : 6'h1f;  // bits.cpp:23
  assign n_mux_67 = n_or_25 ? n_mux_65 : n_mux_66;  // bits.cpp:23
  assign n_mux_68 = n_or_24 ? n_mux_64 : n_mux_67;  // bits.cpp:23
  assign n_mux_69 = n_or_21 ? n_mux_61 : n_mux_68;  // bits.cpp:23
  assign n_mux_70 = n_or_14 ? n_mux_54 : n_mux_69;  // bits.cpp:23
  assign n_mux_71 = n_or_30 ? n_mux_70 : 6'h20;  // bits.cpp:23
  assign n_mux_72 = n_eq ? 6'h20 : n_mux_71;  // bits.cpp:23
  assign out_din = {in_dout[7:0], in_dout[15:8], 13'h0, n_add_30[0], in_dout[0], in_dout[1], in_dout[2], in_dout[3], in_dout[4], in_dout[5], in_dout[6], in_dout[7], n_mux_6, n_mux_39, n_mux_72, n_add_30};  // bits.cpp:14
  assign out_write = n_and;
  assign out_resv = out_write;
  assign commit = 1'b1;
endmodule
