(* A map, a growing buffer, and arrays of bytes. *)
module M = Map.Make (String)

let () =
  let m = ref M.empty in
  for i = 1 to 100000 do
    m := M.add (string_of_int (i * 7919 mod 50021)) i !m
  done;
  let b = Buffer.create 10 in
  M.iter (fun k v -> Buffer.add_string b (k ^ string_of_int v)) !m;
  let a = Array.init 500 (fun i -> Bytes.create (i * 100)) in
  Printf.printf "%d %d %d\n" (M.cardinal !m) (Buffer.length b)
    (Array.fold_left (fun n x -> n + Bytes.length x) 0 a)
