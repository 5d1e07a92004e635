// The buffer of a stream between two kernels. First word falls through: a record written in one clock is at
// the head in the next. `resv` counts a record that is to come; `full_n` counts what is reserved.
//
// One record lies in a register: room for the next one is seen in the clock after it was taken. Up to 64 records lie in
// LUT memory. More lie in block RAM, with a small buffer of the first kind in front.
// The lowest HEAD bits of the head are in a register; the others come right out of the LUT memory, which is
// smaller and one LUT level later.
`default_nettype none

module hlsc_fifo #(
    parameter WIDTH = 8,
    parameter DEPTH = 2,
    parameter HEAD  = WIDTH
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
    if (DEPTH == 1) begin : g_one
      reg any;
      reg [WIDTH-1:0] slot;
      assign empty_n = any;
      assign dout = slot;
      always @(posedge ap_clk) begin
        if (!ap_rst_n) any <= 1'b0;
        else if (write) any <= 1'b1;
        else if (read) any <= 1'b0;
        if (write) slot <= din;
      end
    end else if (DEPTH <= 64) begin : g_small
      hlsc_fifo_small #(
          .WIDTH(WIDTH),
          .SLOTS(DEPTH),
          .HEAD (HEAD)
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
          .SLOTS(DEPTH),
          .HEAD (HEAD)
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
module hlsc_fifo_small #(
    parameter WIDTH = 8,
    parameter SLOTS = 2,
    parameter HEAD  = WIDTH
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
  reg [ABITS-1:0] first, second;  // where the head is, and the one behind it
  reg [ABITS-1:0] last, to;  // where the newest is, and where the next one goes
  reg any, more;  // one at least, two at least

  assign empty_n = any;
  always @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      first <= {ABITS{1'b0}};
      second <= {{(ABITS - 1) {1'b0}}, 1'b1};
      last <= {ABITS{1'b1}};
      to <= {ABITS{1'b0}};
      any <= 1'b0;
      more <= 1'b0;
    end else begin
      if (write) begin
        to   <= to + 1'b1;
        last <= to;
      end
      if (read) begin
        first  <= second;
        second <= second + 1'b1;
      end
      if (write) any <= 1'b1;
      else if (read && !more) any <= 1'b0;
      if (write && !read && any) more <= 1'b1;
      else if (read && !write && second == last) more <= 1'b0;
    end
  end

  generate
    if (HEAD < WIDTH) begin : g_late
      (* ram_style = "distributed" *) reg [WIDTH-HEAD-1:0] slots[0:(1<<ABITS)-1];
      always @(posedge ap_clk) if (write) slots[to] <= din[WIDTH-1:HEAD];
      assign dout[WIDTH-1:HEAD] = slots[first];
    end
    if (HEAD > 0) begin : g_early
      (* ram_style = "distributed" *) reg [HEAD-1:0] slots[0:(1<<ABITS)-1];
      reg [HEAD-1:0] head;
      always @(posedge ap_clk) begin
        if (write) slots[to] <= din[HEAD-1:0];
        if (read || !any) head <= more ? slots[second] : din[HEAD-1:0];
      end
      assign dout[HEAD-1:0] = head;
    end
  endgenerate
endmodule

// Block RAM behind a small buffer: records pass by it while it is empty.
module hlsc_fifo_large #(
    parameter WIDTH = 8,
    parameter SLOTS = 512,
    parameter HEAD  = WIDTH
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
      .SLOTS(8),
      .HEAD (HEAD)
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
