// The buffer of a stream between two kernels. First word falls through: a record written in one clock is at
// the head in the next. `resv` counts a record that is to come; `full_n` counts what is reserved.
//
// Up to 64 records lie in LUT memory. More lie in block RAM, with a small buffer of the first kind in front.
// HEAD 1: the head is in a register; 0: it comes right out of the LUT memory, which is smaller and one LUT level later.
`default_nettype none

module hlsc_fifo #(
    parameter WIDTH = 8,
    parameter DEPTH = 2,
    parameter HEAD  = 1
) (
    input wire ap_clk,
    input wire ap_rst_n,
    output wire full_n,
    input wire resv,
    input wire write,
    input wire [WIDTH-1:0] din,
    output wire empty_n,
    output wire [WIDTH-1:0] dout,
    input wire read
);
  // Records that are in or reserved.
  localparam CBITS = $clog2(DEPTH + 1);
  reg [CBITS-1:0] count;
  reg room;
  assign full_n = room;
  always @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      count <= {CBITS{1'b0}};
      room  <= 1'b0;
    end else begin
      if (resv && !read) count <= count + 1'b1;
      if (!resv && read) count <= count - 1'b1;
      room <= (count < DEPTH - 1) || (count == DEPTH - 1 && !(resv && !read)) || (count == DEPTH && read && !resv);
    end
  end

  generate
    if (DEPTH <= 64 && HEAD == 0) begin : g_bare
      hlsc_fifo_bare #(
          .WIDTH(WIDTH),
          .SLOTS(DEPTH < 2 ? 2 : DEPTH)
      ) store (
          .ap_clk(ap_clk),
          .ap_rst_n(ap_rst_n),
          .write(write),
          .din(din),
          .empty_n(empty_n),
          .dout(dout),
          .read(read)
      );
    end else if (DEPTH <= 64) begin : g_small
      hlsc_fifo_small #(
          .WIDTH(WIDTH),
          .SLOTS(DEPTH < 2 ? 2 : DEPTH)
      ) store (
          .ap_clk(ap_clk),
          .ap_rst_n(ap_rst_n),
          .write(write),
          .din(din),
          .empty_n(empty_n),
          .dout(dout),
          .read(read)
      );
    end else begin : g_large
      hlsc_fifo_large #(
          .WIDTH(WIDTH),
          .SLOTS(DEPTH)
      ) store (
          .ap_clk(ap_clk),
          .ap_rst_n(ap_rst_n),
          .write(write),
          .din(din),
          .empty_n(empty_n),
          .dout(dout),
          .read(read)
      );
    end
  endgenerate
endmodule

// All in LUT memory. Never told to overflow.
module hlsc_fifo_bare #(
    parameter WIDTH = 8,
    parameter SLOTS = 2
) (
    input wire ap_clk,
    input wire ap_rst_n,
    input wire write,
    input wire [WIDTH-1:0] din,
    output wire empty_n,
    output wire [WIDTH-1:0] dout,
    input wire read
);
  localparam ABITS = SLOTS <= 2 ? 1 : $clog2(SLOTS);
  (* ram_style = "distributed" *) reg [WIDTH-1:0] slots[0:(1<<ABITS)-1];
  reg [ABITS-1:0] from, to;
  reg [ABITS-1:0] last;  // `from` when one is left: to - 1
  reg any;

  assign empty_n = any;
  assign dout = slots[from];

  always @(posedge ap_clk) begin
    if (write) slots[to] <= din;
  end
  always @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      from <= {ABITS{1'b0}};
      to   <= {ABITS{1'b0}};
      last <= {ABITS{1'b1}};
      any  <= 1'b0;
    end else begin
      if (write) begin
        to   <= to + 1'b1;
        last <= to;
      end
      if (read) from <= from + 1'b1;
      if (write) any <= 1'b1;
      else if (read && from == last) any <= 1'b0;
    end
  end
endmodule

// Head in a register, the rest in LUT memory. Never told to overflow.
module hlsc_fifo_small #(
    parameter WIDTH = 8,
    parameter SLOTS = 2
) (
    input wire ap_clk,
    input wire ap_rst_n,
    input wire write,
    input wire [WIDTH-1:0] din,
    output wire empty_n,
    output wire [WIDTH-1:0] dout,
    input wire read
);
  localparam ABITS = SLOTS <= 2 ? 1 : $clog2(SLOTS);
  (* ram_style = "distributed" *) reg [WIDTH-1:0] slots[0:(1<<ABITS)-1];
  reg [WIDTH-1:0] head;
  reg head_valid;
  reg [ABITS-1:0] from, to;
  reg rest;  // slots are not empty
  reg [ABITS-1:0] last;  // `from` when one is left: to - 1
  wire advance = read || !head_valid;
  wire keep = write && (!advance || rest);  // goes behind others

  assign empty_n = head_valid;
  assign dout = head;

  always @(posedge ap_clk) begin
    if (keep) slots[to] <= din;
    if (advance) head <= rest ? slots[from] : din;
  end
  always @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      head_valid <= 1'b0;
      from <= {ABITS{1'b0}};
      to <= {ABITS{1'b0}};
      last <= {ABITS{1'b1}};
      rest <= 1'b0;
    end else begin
      if (advance) head_valid <= rest || write;
      if (keep) begin
        to   <= to + 1'b1;
        last <= to;
      end
      if (advance && rest) from <= from + 1'b1;
      if (keep) rest <= 1'b1;
      else if (advance && rest && from == last) rest <= 1'b0;
    end
  end
endmodule

// Block RAM behind a small buffer: records pass by it while it is empty.
module hlsc_fifo_large #(
    parameter WIDTH = 8,
    parameter SLOTS = 512
) (
    input wire ap_clk,
    input wire ap_rst_n,
    input wire write,
    input wire [WIDTH-1:0] din,
    output wire empty_n,
    output wire [WIDTH-1:0] dout,
    input wire read
);
  localparam ABITS = $clog2(SLOTS);
  (* ram_style = "block" *) reg [WIDTH-1:0] slots[0:(1<<ABITS)-1];
  reg [ABITS-1:0] from, to;
  reg [ABITS:0] waiting;  // in the block RAM
  reg fetched;  // q holds a record on its way to the front
  reg [WIDTH-1:0] q;
  reg [3:0] front;  // records in the front buffer or on their way to it, at most 8

  wire behind = waiting != 0 || fetched;
  wire direct = write && !behind && front < 4'd6;
  wire keep = write && !direct;
  wire fetch = waiting != 0 && front < 4'd6;

  always @(posedge ap_clk) begin
    if (keep) slots[to] <= din;
    if (fetch) q <= slots[from];
  end
  always @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      from <= {ABITS{1'b0}};
      to <= {ABITS{1'b0}};
      waiting <= {(ABITS + 1) {1'b0}};
      fetched <= 1'b0;
      front <= 4'd0;
    end else begin
      if (keep) to <= to + 1'b1;
      if (fetch) from <= from + 1'b1;
      if (keep && !fetch) waiting <= waiting + 1'b1;
      if (!keep && fetch) waiting <= waiting - 1'b1;
      fetched <= fetch;
      if ((direct || fetch) && !read) front <= front + 4'd1;
      if (!(direct || fetch) && read) front <= front - 4'd1;
    end
  end

  hlsc_fifo_small #(
      .WIDTH(WIDTH),
      .SLOTS(8)
  ) near (
      .ap_clk(ap_clk),
      .ap_rst_n(ap_rst_n),
      .write(direct || fetched),
      .din(fetched ? q : din),
      .empty_n(empty_n),
      .dout(dout),
      .read(read)
  );
endmodule

`default_nettype wire
