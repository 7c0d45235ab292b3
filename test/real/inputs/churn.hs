-- A map of numbers.
import qualified Data.Map as M

main :: IO ()
main = do
  let m = foldr (\i -> M.insert (i * 7919 `mod` 50021) i) M.empty [1 .. 100000 :: Int]
  print (M.size m, sum (M.elems m))
